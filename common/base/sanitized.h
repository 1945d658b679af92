/* SANITIZED is defined in a build with AddressSanitizer, which needs calls that the sandbox
 * forbids. */
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
