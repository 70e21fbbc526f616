/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutant.h - which deliberate bug is on in the archive fastpath_mutants (mutants.py lists them).
 *
 * One number for the whole program, set before any worker runs. Not in any other program.
 */
#ifndef RINGDNS_TESTS_SIM_MUTANT_H
#define RINGDNS_TESTS_SIM_MUTANT_H

extern unsigned rd_mutant; /* 0: none */

unsigned mutants_count(void);
/* Number, name, file and what it does, a line each on standard output. */
void mutants_list(void);

#endif
