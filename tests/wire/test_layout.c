/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_layout.c - RDATA of each type that holds names or has a fixed size: whole, a byte short and
 * a byte long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "wire/layout.h"

#define SHORT 1u /* a byte less is refused */
#define LONG  2u /* a byte more is refused */
#define EXACT (SHORT | LONG)

#define N   "\1a\2bc\0" /* a name, 6 bytes */
#define B4  "...."
#define B16 B4 B4 B4 B4

/* The bytes that stand before every RDATA: a header, and a name at 12. */
static const char before[] = "............\4base\0";

#define SAMPLE(type, text, held)                                                                   \
    {                                                                                              \
        type, text, sizeof(text) - 1, held                                                         \
    }

static const struct sample {
    uint16_t type;
    const char *rdata;
    size_t len;
    unsigned held;
} samples[] = {
    SAMPLE(1, B4, EXACT),
    SAMPLE(2, N, EXACT),
    SAMPLE(3, N, EXACT),
    SAMPLE(4, N, EXACT),
    SAMPLE(5, N, EXACT),
    SAMPLE(6, N N B16 B4, EXACT),
    SAMPLE(7, N, EXACT),
    SAMPLE(8, N, EXACT),
    SAMPLE(9, N, EXACT),
    SAMPLE(11, B4 "\6", SHORT),
    SAMPLE(12, N, EXACT),
    SAMPLE(13, "\3cpu\2os", EXACT),
    SAMPLE(14, N N, EXACT),
    SAMPLE(15, "\0\12" N, EXACT),
    SAMPLE(16, "\2ab\0\3cde", SHORT),
    SAMPLE(17, N N, EXACT),
    SAMPLE(18, "\0\1" N, EXACT),
    SAMPLE(19, "\4" B4, EXACT),
    SAMPLE(20, "\4" B4 "\1x", SHORT),
    SAMPLE(21, "\0\1" N, EXACT),
    SAMPLE(23, N, EXACT),
    SAMPLE(24, B16 ".." N, SHORT),
    SAMPLE(26, "\0\1" N N, EXACT),
    SAMPLE(27, "\1x\1y\1z", EXACT),
    SAMPLE(28, B16, EXACT),
    SAMPLE(29, B16, EXACT),
    SAMPLE(30, N, SHORT),
    SAMPLE(33, "\0\1\0\2\0\65" N, EXACT),
    SAMPLE(35, "\0\1\0\2\1s\3E2U\0" N, EXACT),
    SAMPLE(36, "\0\1" N, EXACT),
    SAMPLE(39, N, EXACT),
    SAMPLE(46, B16 ".." N, SHORT),
    SAMPLE(47, N, SHORT),
    SAMPLE(58, N N, EXACT),
    SAMPLE(64, "\0\1" N, SHORT),
    SAMPLE(65, "\0\1" N, SHORT),
    SAMPLE(99, "\2ab", SHORT),
    SAMPLE(104, B4 B4 "..", EXACT),
    SAMPLE(105, B4 "..", EXACT),
    SAMPLE(106, B4 B4 "..", EXACT),
    SAMPLE(107, "\0\1" N, EXACT),
    SAMPLE(108, B4 "..", EXACT),
    SAMPLE(109, B4 B4, EXACT),
};

/* The first LEN bytes of RDATA, in memory that goes on for BEHIND bytes. */
static bool holds(uint16_t type, const void *rdata, size_t len, size_t behind)
{
    size_t start = sizeof(before) - 1;
    uint8_t *data = malloc(start + len + behind);
    bool held;

    memcpy(data, before, start);
    memcpy(data + start, rdata, len);
    memset(data + start + len, 0, behind);
    held = layout_holds(NULL, data, start, start + len, type);
    free(data);
    return held;
}

#define HOLDS(type, text) holds(type, text, sizeof(text) - 1, 0)

static void test_what_the_type_demands_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
        assert_true(holds(samples[i].type, samples[i].rdata, samples[i].len, 0));
}

static void test_a_byte_short_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        assert_true(samples[i].held & SHORT);
        assert_false(holds(samples[i].type, samples[i].rdata, samples[i].len - 1, 0));
        /* The byte is there, but not within RDLENGTH. */
        assert_false(holds(samples[i].type, samples[i].rdata, samples[i].len - 1, 1));
        assert_false(holds(samples[i].type, "", 0, 20));
    }
}

static void test_a_byte_long_is_refused_where_nothing_may_follow(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        uint8_t rdata[64];

        memcpy(rdata, samples[i].rdata, samples[i].len);
        rdata[samples[i].len] = 0; /* an empty string where strings may follow */
        assert_int_equal(holds(samples[i].type, rdata, samples[i].len + 1, 0),
                         !(samples[i].held & LONG));
    }
}

static void test_strings_fill_the_rdata(void **state)
{
    (void)state;
    assert_true(HOLDS(16, "\0"));
    assert_false(HOLDS(16, "\2ab\3c"));
    assert_false(HOLDS(99, "\2ab\x07"));
}

static void test_names_may_be_compressed(void **state)
{
    (void)state;
    assert_true(HOLDS(5, "\xc0\x0c"));
    assert_true(HOLDS(5, "\3www\xc0\x0c"));
    assert_true(HOLDS(15, "\0\12\xc0\x0c"));
    assert_true(HOLDS(6, "\xc0\x0c\xc0\x0c" B16 B4));
}

static void test_names_must_be_sound(void **state)
{
    (void)state;
    assert_false(HOLDS(5, "\xc0\x12"));       /* itself */
    assert_false(HOLDS(5, "\xc0\x03"));       /* the header */
    assert_false(HOLDS(5, "\xc0\x0c\0"));     /* something behind it */
    assert_false(HOLDS(15, "\0\12\xc0\xc0")); /* forward */
}

static void test_other_types_hold_anything(void **state)
{
    static const uint16_t types[] = {0, 10, 22, 31, 38, 43, 48, 50, 110, 249, 250, 257, 65535};

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        assert_true(HOLDS(types[i], ""));
        assert_true(HOLDS(types[i], "\xc0\xff\x99"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_type_demands_holds),
        cmocka_unit_test(test_a_byte_short_is_refused),
        cmocka_unit_test(test_a_byte_long_is_refused_where_nothing_may_follow),
        cmocka_unit_test(test_strings_fill_the_rdata),
        cmocka_unit_test(test_names_may_be_compressed),
        cmocka_unit_test(test_names_must_be_sound),
        cmocka_unit_test(test_other_types_hold_anything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
