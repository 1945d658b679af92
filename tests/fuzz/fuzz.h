/* The functions that a fuzzer defines. Built by libFuzzer with --enable-fuzzing, by fuzz-main.c
 * otherwise. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
