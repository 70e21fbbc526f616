/* SPDX-License-Identifier: BSD-2-Clause */
/* test_suffix.c - the longest suffix of a set that a name is at or below. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "policy/suffix.h"

#define ENTRIES_MAX 1200
#define NONE        (-1)

static struct rd_name wire(const void *bytes, size_t len)
{
    struct rd_name name = {.len = (uint8_t)len};

    memcpy(name.bytes, bytes, len);
    return name;
}

/* A string literal in wire form, without the root's zero, which is the literal's own. */
#define WIRE(literal) wire(literal, sizeof(literal))

static struct rd_name text(const char *text)
{
    struct rd_name name = {0};

    assert_true(rd_name_from_text(text, &name));
    return name;
}

/* A set of texts, the value of each being 100 more than its index. */
static struct suffix_set *set_of(const char *const *texts, uint32_t n)
{
    struct suffix_entry entries[16];
    struct suffix_set *set;

    assert_true(n <= 16);
    for (uint32_t i = 0; i < n; i++)
        entries[i] = (struct suffix_entry){text(texts[i]), 100 + i};
    set = suffix_set_new(entries, n);
    assert_non_null(set);
    return set;
}

#define SET(...)                                                                                   \
    set_of((const char *const[]){__VA_ARGS__},                                                     \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void assert_found_name(const struct suffix_set *set, struct rd_name name, int32_t index,
                              uint8_t at)
{
    uint32_t value = 7;
    uint8_t found_at = 77;

    assert_int_equal(suffix_set_find(set, &name, &value, &found_at), index);
    assert_int_equal(value, index == NONE ? 7 : 100 + index);
    assert_int_equal(found_at, index == NONE ? 77 : at);
}

static void assert_found(const struct suffix_set *set, const char *name, int32_t index, uint8_t at)
{
    assert_found_name(set, text(name), index, at);
}

static void test_an_empty_set_holds_nothing(void **state)
{
    struct suffix_set *set = suffix_set_new(NULL, 0);

    (void)state;
    assert_non_null(set);
    assert_found(set, ".", NONE, 0);
    assert_found(set, "com", NONE, 0);
    assert_found(set, "www.example.com", NONE, 0);
    suffix_set_free(set);
    suffix_set_free(NULL);
}

static void test_at_and_below_but_not_above_or_beside(void **state)
{
    struct suffix_set *set = SET("example.com");

    (void)state;
    assert_found(set, "example.com", 0, 0);
    assert_found(set, "www.example.com", 0, 4);
    assert_found(set, "a.b.c.example.com", 0, 6);
    assert_found(set, "com", NONE, 0);
    assert_found(set, ".", NONE, 0);
    assert_found(set, "example.net", NONE, 0);
    assert_found(set, "example.com.net", NONE, 0);
    assert_found(set, "com.example", NONE, 0);
    suffix_set_free(set);
}

static void test_labels_are_compared_whole(void **state)
{
    struct suffix_set *set = SET("example.com", "b.org");

    (void)state;
    assert_found(set, "myexample.com", NONE, 0);
    assert_found(set, "example1.com", NONE, 0);
    assert_found(set, "exampl.com", NONE, 0);
    assert_found(set, "examplE.com", NONE, 0); /* names come in lower case */
    assert_found(set, "ab.org", NONE, 0);
    assert_found(set, "a.b.org", 1, 2);
    suffix_set_free(set);
}

static void test_the_longest_wins_whatever_the_order(void **state)
{
    struct suffix_set *down = SET("com", "example.com", "a.b.example.com");
    struct suffix_set *up = SET("a.b.example.com", "example.com", "com");

    (void)state;
    for (int32_t i = 0; i < 2; i++) {
        const struct suffix_set *set = i ? up : down;

        assert_found(set, "x.com", i ? 2 : 0, 2);
        assert_found(set, "b.example.com", 1, 2);
        assert_found(set, "a.b.example.com", i ? 0 : 2, 0);
        assert_found(set, "c.b.example.com", 1, 4);
        assert_found(set, "x.a.b.example.com", i ? 0 : 2, 2);
    }
    suffix_set_free(down);
    suffix_set_free(up);
}

static void test_of_equal_suffixes_the_first_counts(void **state)
{
    struct suffix_set *set = SET("a.test", ".", "b.a.test", "a.test", ".", "b.a.test");

    (void)state;
    assert_found(set, "x.a.test", 0, 2);
    assert_found(set, "b.a.test", 2, 0);
    assert_found(set, "com", 1, 4);
    suffix_set_free(set);
}

static void test_the_root_is_a_suffix_of_all(void **state)
{
    struct suffix_set *set = SET("com", ".");
    struct suffix_set *alone = SET(".");

    (void)state;
    assert_found(set, ".", 1, 0);
    assert_found(set, "net", 1, 4);
    assert_found(set, "a.net", 1, 6);
    assert_found(set, "a.com", 0, 2);
    assert_found(alone, ".", 0, 0);
    assert_found(alone, "a.com", 0, 6);
    suffix_set_free(set);
    suffix_set_free(alone);
}

static void test_a_label_may_hold_any_byte(void **state)
{
    struct suffix_entry entries[] = {
        {WIRE("\2a\0\3com"), 100},        /* a NUL at the end */
        {WIRE("\3a.b\3com"), 101},        /* a dot inside */
        {WIRE("\4\377\376\1\0"), 102},    /* a last label of odd bytes */
        {WIRE("\1a\5\1b\3co\3com"), 103}, /* lengths inside */
    };
    struct suffix_set *set = suffix_set_new(entries, 4);

    (void)state;
    assert_non_null(set);
    assert_found_name(set, WIRE("\2a\0\3com"), 0, 0);
    assert_found_name(set, WIRE("\1x\2a\0\3com"), 0, 2);
    assert_found_name(set, WIRE("\1a\3com"), NONE, 0);
    assert_found_name(set, WIRE("\3a\0\0\3com"), NONE, 0);
    assert_found_name(set, WIRE("\3a.b\3com"), 1, 0);
    assert_found_name(set, WIRE("\1a\1b\3com"), NONE, 0);
    assert_found_name(set, WIRE("\1x\4\377\376\1\0"), 2, 2);
    assert_found_name(set, WIRE("\4\377\376\1\1"), NONE, 0);
    assert_found_name(set, WIRE("\3\377\376\1"), NONE, 0);
    assert_found_name(set, WIRE("\1a\5\1b\3co\3com"), 3, 0);
    assert_found_name(set, WIRE("\1a\1b\3com"), NONE, 0);
    suffix_set_free(set);
}

/* N labels of one byte each, BYTE. */
static struct rd_name ladder(unsigned n, uint8_t byte)
{
    struct rd_name name = {.len = (uint8_t)(2 * n + 1)};

    for (unsigned i = 0; i < n; i++) {
        name.bytes[2 * i] = 1;
        name.bytes[2 * i + 1] = byte;
    }
    name.bytes[2 * n] = 0;
    return name;
}

static void test_names_of_127_labels_and_labels_of_63_bytes(void **state)
{
    struct suffix_entry entries[3] = {{ladder(127, 'a'), 100}, {ladder(126, 'a'), 101}};
    struct rd_name wide = {.len = 255};
    struct suffix_set *set;

    (void)state;
    memset(wide.bytes, 0xff, sizeof(wide.bytes));
    for (unsigned i = 0; i < 3; i++)
        wide.bytes[64 * i] = 63;
    wide.bytes[192] = 61;
    wide.bytes[254] = 0;
    entries[2] = (struct suffix_entry){wide, 102};
    set = suffix_set_new(entries, 3);
    assert_non_null(set);
    assert_found_name(set, ladder(127, 'a'), 0, 0);
    assert_found_name(set, ladder(126, 'a'), 1, 0);
    assert_found_name(set, ladder(125, 'a'), NONE, 0);
    assert_found_name(set, ladder(127, 'b'), NONE, 0);
    assert_found_name(set, wide, 2, 0);
    wide.bytes[1] = 0xfe;
    assert_found_name(set, wide, NONE, 0);
    suffix_set_free(set);
}

/* -- against a plain search ------------------------------------------------------------------ */

static int32_t plain_find(const struct suffix_entry *entries, uint32_t n,
                          const struct rd_name *name, uint8_t *ret_at)
{
    for (unsigned at = 0;; at += name->bytes[at] + 1u) {
        for (uint32_t i = 0; i < n; i++) {
            if (entries[i].suffix.len != name->len - at ||
                memcmp(entries[i].suffix.bytes, name->bytes + at, name->len - at) != 0)
                continue;
            *ret_at = (uint8_t)at;
            return (int32_t)i;
        }
        if (name->bytes[at] == 0)
            return NONE;
    }
}

static void assert_as_plain(const struct suffix_set *set, const struct suffix_entry *entries,
                            uint32_t n, const struct rd_name *name)
{
    uint8_t at = 0, plain_at = 0;
    uint32_t value = 0;
    int32_t plain = plain_find(entries, n, name, &plain_at);

    assert_int_equal(suffix_set_find(set, name, &value, &at), plain);
    if (plain < 0)
        return;
    assert_int_equal(at, plain_at);
    assert_int_equal(value, entries[plain].value);
}

/* Few labels and few bytes, so that names meet: the NUL, 0xff and the dot are among them, and a
 * label's bytes may look like lengths. */
static struct rd_name random_name(struct rd_random *random, unsigned labels, unsigned label_max)
{
    static const uint8_t alphabet[] = {'a', 'b', 0, 0xff, '.', 1, 2};
    struct rd_name name = {.len = 0};
    unsigned at = 0;

    for (unsigned n = rd_random_below(random, labels + 1); n > 0; n--) {
        unsigned len = 1 + rd_random_below(random, label_max);

        if (at + 1 + len + 1 > RD_DNS_NAME_BYTES)
            break;
        name.bytes[at++] = (uint8_t)len;
        while (len-- > 0)
            name.bytes[at++] = alphabet[rd_random_below(random, sizeof(alphabet))];
    }
    name.bytes[at] = 0;
    name.len = (uint8_t)(at + 1);
    return name;
}

static void compare(uint32_t entries_max, unsigned labels, unsigned label_max, unsigned rounds)
{
    static struct suffix_entry entries[ENTRIES_MAX];
    struct rd_random random;

    rd_random_init(&random, (const uint8_t[32]){1, 2, 3});
    for (unsigned round = 0; round < rounds; round++) {
        uint32_t n = rd_random_below(&random, entries_max + 1);
        struct suffix_set *set;

        for (uint32_t i = 0; i < n; i++)
            entries[i] = (struct suffix_entry){random_name(&random, labels, label_max),
                                               rd_random_below(&random, 1000)};
        set = suffix_set_new(entries, n);
        assert_non_null(set);
        for (uint32_t i = 0; i < n; i++)
            assert_as_plain(set, entries, n, &entries[i].suffix);
        for (unsigned i = 0; i < 200; i++) {
            struct rd_name name = random_name(&random, labels + 2, label_max);

            assert_as_plain(set, entries, n, &name);
        }
        suffix_set_free(set);
    }
}

static void test_small_sets_agree_with_a_plain_search(void **state)
{
    (void)state;
    compare(6, 3, 2, 2000);
}

static void test_large_sets_agree_with_a_plain_search(void **state)
{
    (void)state;
    compare(ENTRIES_MAX, 4, 3, 20);
    compare(100, 127, 1, 20);
}

/* Every set of up to two of the 13 names of up to two labels from three, asked for all of them
 * and for what is below. */
static void test_every_small_set_agrees_with_a_plain_search(void **state)
{
    static const char *const labels[] = {"a", "b", "aa"};
    struct suffix_entry all[13] = {{text("."), 0}};
    uint32_t n = 1;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        char one[8];

        all[n++].suffix = text(labels[i]);
        for (unsigned k = 0; k < 3; k++) {
            size_t len = strlen(labels[k]);

            memcpy(one, labels[k], len);
            one[len] = '.';
            memcpy(one + len + 1, labels[i], strlen(labels[i]) + 1);
            all[n++].suffix = text(one);
        }
    }
    assert_int_equal(n, 13);
    for (uint32_t i = 0; i < 13 * 13; i++) {
        struct suffix_entry pair[2] = {all[i / 13], all[i % 13]};
        struct suffix_set *set = suffix_set_new(pair, 2);

        assert_non_null(set);
        for (uint32_t k = 0; k < 13; k++) {
            struct rd_name below = {.len = (uint8_t)(all[k].suffix.len + 2), .bytes = {1, 'a'}};

            memcpy(below.bytes + 2, all[k].suffix.bytes, all[k].suffix.len);
            assert_as_plain(set, pair, 2, &all[k].suffix);
            assert_as_plain(set, pair, 2, &below);
        }
        suffix_set_free(set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_set_holds_nothing),
        cmocka_unit_test(test_at_and_below_but_not_above_or_beside),
        cmocka_unit_test(test_labels_are_compared_whole),
        cmocka_unit_test(test_the_longest_wins_whatever_the_order),
        cmocka_unit_test(test_of_equal_suffixes_the_first_counts),
        cmocka_unit_test(test_the_root_is_a_suffix_of_all),
        cmocka_unit_test(test_a_label_may_hold_any_byte),
        cmocka_unit_test(test_names_of_127_labels_and_labels_of_63_bytes),
        cmocka_unit_test(test_every_small_set_agrees_with_a_plain_search),
        cmocka_unit_test(test_small_sets_agree_with_a_plain_search),
        cmocka_unit_test(test_large_sets_agree_with_a_plain_search),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
