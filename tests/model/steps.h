/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * steps.h - how a program for the model is written down, close to the C that it stands for.
 *
 * Places, registers and orders are numbers; an order is one in the table given to the search.
 */
#ifndef RINGDNS_TESTS_MODEL_STEPS_H
#define RINGDNS_TESTS_MODEL_STEPS_H

#include "model/memory.h"

/* clang-format off */
#define LOAD(reg, place, o) {.operation = MODEL_LOAD, .to = (reg), .at = (place), .order = (o)}
#define STORE(place, number, o) \
    {.operation = MODEL_STORE, .at = (place), .value = (uint8_t)(number), .order = (o)}
/* The value is that of a register and something more. */
#define STORE_SUM(place, reg, number, o) \
    {.operation = MODEL_STORE, .at = (place), .from = (reg), .value = (number), .order = (o)}
/* From the value of a register to that and something more; a thread that fails ends. */
#define SWAP_SUM(place, reg, number, o, f) \
    {.operation = MODEL_SWAP, .at = (place), .from = (reg), .value = (number), .order = (o), \
     .failed = (f)}
/* A place of those from BASE on, as a register says. */
#define LOAD_FROM(reg, base, i, o) \
    {.operation = MODEL_LOAD, .to = (reg), .at = (base), .index = (i), .order = (o)}
#define FENCE(o) {.operation = MODEL_FENCE, .order = (o)}
#define IF_EVEN(reg) {.operation = MODEL_IF_EVEN, .from = (reg)}
#define IF_IS(reg, number) {.operation = MODEL_IF_SAME, .to = (reg), .value = (number)}
#define IF_NOT(reg, number) {.operation = MODEL_IF_NOT, .to = (reg), .value = (number)}
#define IF_SAME(reg, other) {.operation = MODEL_IF_SAME, .to = (reg), .from = (other)}
#define IF_KEY(reg, key) {.operation = MODEL_IF_KEY, .to = (reg), .value = (key)}
#define ANSWER(reg, other) {.operation = MODEL_ANSWER, .to = (reg), .from = (other)}
#define END {.operation = MODEL_END}
/* clang-format on */

#endif
