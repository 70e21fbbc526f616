/* SPDX-License-Identifier: BSD-2-Clause */
/* test_mailbox.c - what is pushed is taken, once, oldest first. Threads: tests/stress. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mailbox.h"

static void test_nothing_is_in_an_empty_box(void **state)
{
    struct rd_mailbox box = {NULL};

    (void)state;
    assert_null(rd_mailbox_take(&box));
    assert_null(rd_mailbox_take(&box));
}

static void test_all_is_taken_oldest_first(void **state)
{
    struct rd_mailbox box = {NULL};
    struct rd_mail mails[3], *mail;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        rd_mailbox_push(&box, &mails[i]);
    mail = rd_mailbox_take(&box);
    for (unsigned i = 0; i < 3; i++) {
        assert_ptr_equal(mail, &mails[i]);
        mail = mail->next;
    }
    assert_null(mail);
    assert_null(rd_mailbox_take(&box));
}

static void test_only_the_first_push_rings(void **state)
{
    struct rd_mailbox box = {NULL};
    struct rd_mail mails[3];

    (void)state;
    assert_true(rd_mailbox_push(&box, &mails[0]));
    assert_false(rd_mailbox_push(&box, &mails[1]));
    assert_false(rd_mailbox_push(&box, &mails[2]));
    rd_mailbox_take(&box);
    assert_true(rd_mailbox_push(&box, &mails[0]));
    assert_false(rd_mailbox_push(&box, &mails[1]));
}

static void test_a_mail_is_used_again(void **state)
{
    struct rd_mailbox box = {NULL}, other = {NULL};
    struct rd_mail a, b;

    (void)state;
    rd_mailbox_push(&box, &a);
    rd_mailbox_push(&box, &b);
    rd_mailbox_take(&box);
    rd_mailbox_push(&other, &b);
    rd_mailbox_push(&box, &a);
    assert_ptr_equal(rd_mailbox_take(&box), &a);
    assert_null(a.next);
    assert_ptr_equal(rd_mailbox_take(&other), &b);
    assert_null(b.next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_in_an_empty_box),
        cmocka_unit_test(test_all_is_taken_oldest_first),
        cmocka_unit_test(test_only_the_first_push_rings),
        cmocka_unit_test(test_a_mail_is_used_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
