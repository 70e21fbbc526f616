/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutant.c - mutant.h. The table is made of mutants.py by generate.py.
 */
#include "sim/mutants/mutant.h"

#include <stdio.h>

static const struct {
    const char *name, *file, *help;
} mutants[] = {
#include "mutants.inc"
};

unsigned rd_mutant;

unsigned mutants_count(void)
{
    return sizeof(mutants) / sizeof(mutants[0]);
}

void mutants_list(void)
{
    for (unsigned i = 0; i < mutants_count(); i++)
        printf("%u %s (%s): %s\n", i + 1, mutants[i].name, mutants[i].file, mutants[i].help);
}
