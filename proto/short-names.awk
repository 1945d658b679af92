# Short names for protobuf-c's long ones, from the headers that protoc wrote:
#
#     awk -v start=Envoy -v only=Envoy__ -f short-names.awk FILE.pb-c.h...
#
# A message gets its name without the package (Envoy__Config__Route__V3__RouteAction__HashPolicy is
# EnvoyRouteActionHashPolicy), T__INIT for its defaults, T__descriptor, and T__VALUE for oneof cases and
# values of enums inside it. Where an extension's message has the name of another, two words of its
# package go before it.

function split_name(name,   parts, n, i, j) {
	n = split(name, parts, "__")
	package = nested = last = before = ""
	for (i = 1; i <= n; i++)
		if (parts[i] ~ /^V[0-9]/)
			break
	if (i > n)
		i = 2
	for (j = i + 1; j <= n; j++)
		nested = nested parts[j]
	last = parts[i - 1]
	before = i > 2 ? parts[i - 2] : ""
	extension = parts[2] == "Extensions"
}

# Descriptors have other case and underscores than their messages.
function plain_letters(name) {
	gsub(/_/, "", name)
	return tolower(name)
}

/^struct / && index($2, only) == 1 {
	structs[++n_structs] = $2
}

/^#define [A-Z0-9_]*__INIT / && index($2, toupper(only)) == 1 {
	init[structs[n_structs]] = substr($2, 1, length($2) - 6)
}

/^extern const ProtobufCMessageDescriptor / {
	sub(/__descriptor;$/, "", $4)
	descriptor[plain_letters($4)] = $4
}

/^typedef enum / { n_values = 0; in_enum = 1; next }
in_enum && /^  [A-Z]/ {
	sub(/,$/, "", $1)
	values[++n_values] = $1
}
in_enum && /^}/ {
	in_enum = 0
	sub(/;$/, "", $2)
	if (index($2, only) == 1)
		for (i = 1; i <= n_values; i++) {
			all_values[++n_all] = values[i]
			enum_of[n_all] = $2
		}
}

END {
	print "/* Short names for messages. Made by proto/short-names.awk. */"
	print "#pragma once\n"
	for (i = 1; i <= n_structs; i++) {
		split_name(structs[i])
		count[nested]++
		plain[nested] += !extension
	}
	for (i = 1; i <= n_structs; i++) {
		s = structs[i]
		split_name(s)
		short[s] = start nested
		if (count[nested] > 1 && (extension || plain[nested] > 1))
			short[s] = start before last nested
		if (short[s] in taken) {
			print "short-names.awk: two messages are " short[s] >"/dev/stderr"
			exit 1
		}
		taken[short[s]] = 1
		by_init[init[s]] = short[s]
		print "typedef struct " s " " short[s] ";"
		print "#define " short[s] "__INIT " init[s] "__INIT"
		print "#define " short[s] "__descriptor " descriptor[plain_letters(s)] "__descriptor"
	}
	for (i = 1; i <= n_all; i++) {
		# The message that the enum stands in: the longest name that begins the value.
		best = ""
		for (p = all_values[i]; sub(/_[^_]*$/, "", p);) {
			if ((p) in by_init) {
				best = p
				break
			}
		}
		rest = substr(all_values[i], length(best) + 1)
		sub(/^_+/, "", rest)
		if (best != "") {
			print "#define " by_init[best] "__" rest " " all_values[i]
			continue
		}
		split_name(enum_of[i])
		sub(/^.*__/, "", rest)
		print "#define " start nested "__" rest " " all_values[i]
	}
}
