/* Passwords: forms of hashes, their price, credentials, and the cache of verified ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/password-hash.h"
#include "passwords/credentials.h"
#include "passwords/verified.h"
#include "passwords/verify.h"
#include "tests/lib/test.h"

TEST(each_form_of_hash_takes_its_password_alone)
{
	static const struct {
		const char *password, *hash;
	} rows[] = {
		{ "password", "{PLAIN}password" },
		{ "", "{PLAIN}" },
		{ "password", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=" },
		{ "password", "{SSHA}yI6cZwQadOA1e+/f+T+H3eCQQhRzYWx0" },
		{ "password", "$apr1$saltsalt$yAAkm4libquA.ZWLHbSBq/" },
		{ "password", "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/" },
		{ "password", "abJnggxhB/yWI" },
		{ "password", "$2y$05$c4WoMPo3SXsafkva.HHa6uyvdTqVqeGuuv76QmS.t1ryNDtvJiOyS" },
		{ "password", "$5$saltsaltsalt$/N7c7rmQoc7bVRcUisZxkSYJRyapzgVkea220umjO3C" },
		{ "", "$apr1$s$e2aCb9PLCjZ2t55SoAxXn." },
		{ "", "$apr1$12345678$sHuPAw7VA9xjRbJz7zKV7/" },
		{ "a", "$apr1$s$EpqI6uEp3OR4bun9kSXHW/" },
		{ "a", "$apr1$12345678$68ZQVfPkWX/wcXr/41VxQ." },
		{ "0123456789abcdef", "$apr1$s$99/wCzDQ8ebx8gmkheR350" },
		{ "0123456789abcdef", "$apr1$12345678$vc38ZupyU1KkWqFuFfTA/." },
		{ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "$apr1$s$U6mhy0wuJGS7XEQdHTqlN/" },
		{ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		  "$apr1$12345678$lmvIejSHXo9SZNHoskkNr0" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char other[64];

		CHECK(verify_password(rows[i].password, rows[i].hash));
		(void)snprintf(other, sizeof(other), "%sx", rows[i].password);
		CHECK(strcmp(rows[i].hash, "abJnggxhB/yWI") == 0 ||
		      !verify_password(other, rows[i].hash));
		CHECK(!verify_password("Password", rows[i].hash));
	}
}

TEST(texts_that_are_no_hash_take_no_password)
{
	static const char *const texts[] = {
		"",
		"password",
		"*",
		"*0",
		"{SHA}",
		"{SHA}AAAA",
		"{SSHA}W6ph",
		"{SSHA}!!!!",
		"$apr1$",
		"$apr1$saltsalt",
		"$2y$",
		"$2y$05$short",
		"$2y$31$c4WoMPo3SXsafkva.HHa6uyvdTqVqeGuuv76QmS.t1ryNDtvJiOyS",
		"$2y$99$c4WoMPo3SXsafkva.HHa6uyvdTqVqeGuuv76QmS.t1ryNDtvJiOyS",
		"$6$rounds=999999999$saltsalt$x",
		"$6$rounds=$saltsalt$x",
		"$6$",
		"$y$j9T$abc$def",
		"$5$rounds=99999999999999999999$x$y",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		CHECK(!verify_password("password", texts[i]));
		CHECK(!verify_password("", texts[i]));
	}
}

TEST(what_would_take_too_long_is_refused)
{
	const char *why;

	CHECK(password_hash_kind("$2y$14$x", 8, &why) == PASSWORD_HASH_CRYPT);
	CHECK(password_hash_kind("$2y$15$x", 8, &why) == PASSWORD_HASH_REFUSED);
	CHECK_STR(why, "would take too long to check");
	CHECK(password_hash_kind("$6$rounds=1000000$x", 19, &why) == PASSWORD_HASH_CRYPT);
	CHECK(password_hash_kind("$6$rounds=1000001$x", 19, &why) == PASSWORD_HASH_REFUSED);
	CHECK(password_hash_kind("$y$j9T$x", 8, &why) == PASSWORD_HASH_REFUSED);
	CHECK_STR(why, "is of a kind that is not known");
}

TEST(credentials_are_read_or_refused)
{
	static const char *const bad[] = { "",
					   "Basic",
					   "Basic ",
					   "Basic !",
					   "Basic YWxpY2U=",
					   "Bearer YTpi",
					   "Basic YTpi=",
					   "Basic AGE6Yg==",
					   "Basic ====" };
	struct credentials c = { 0 };

	CHECK(credentials_read("basic YTpiOmM=", &c));
	CHECK_STR(c.user, "a");
	CHECK_STR(c.password, "b:c");
	credentials_done(&c);
	CHECK(credentials_read("Basic  Og==", &c));
	CHECK_STR(c.user, "");
	CHECK_STR(c.password, "");
	credentials_done(&c);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(!credentials_read(bad[i], &c));
}

static bool hash_is(const char *file, const char *user, const char *hash)
{
	char *found = credentials_hash(file, strlen(file), user);
	bool same = found && hash ? strcmp(found, hash) == 0 : found == NULL && hash == NULL;

	free(found);
	return same;
}

TEST(the_first_line_of_a_user_counts)
{
	static const char file[] =
		"#eve:{PLAIN}x\nal:1\nalice:2:note\r\nalice:3\nbob:\n:4\ncarol:5";

	CHECK(hash_is(file, "alice", "2"));
	CHECK(hash_is(file, "al", "1"));
	CHECK(hash_is(file, "bob", ""));
	CHECK(hash_is(file, "carol", "5"));
	CHECK(hash_is(file, "ali", NULL));
	CHECK(hash_is(file, "", NULL));
	CHECK(hash_is(file, "#eve", NULL));
	CHECK(hash_is("", "alice", NULL));
}

TEST(what_was_right_is_remembered_for_a_while)
{
	struct verified *v = verified_new();
	uint8_t a[VERIFIED_DIGEST], b[VERIFIED_DIGEST], c[VERIFIED_DIGEST];

	CHECK(verified_digest(v, "alice", "word", "hash", a) == 0);
	CHECK(verified_digest(v, "alicew", "ord", "hash", b) == 0);
	CHECK(verified_digest(v, "alice", "word", "other", c) == 0);
	CHECK(memcmp(a, b, VERIFIED_DIGEST) != 0 && memcmp(a, c, VERIFIED_DIGEST) != 0);
	CHECK(!verified_has(v, a, 1000));
	verified_add(v, a, 1000);
	CHECK(verified_has(v, a, 2000) && !verified_has(v, b, 2000) && !verified_has(v, c, 2000));
	CHECK(!verified_has(v, a, 1000 + 61 * USEC_PER_SEC));
	verified_free(v);
}
