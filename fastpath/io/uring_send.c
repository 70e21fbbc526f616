/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uring_send.c - messages become submission entries.
 *
 * Shape: a UDP send with MSG_DONTWAIT is over when its submission returns, and only a failure makes
 * a completion; so buffers, addresses and control messages are held until the next submission and
 * go home together.
 * Thread: the worker's own.
 * Not here: submitting (uring.c).
 */
#include <errno.h>

#include "io/uring.h"

/* A control message costs a copy of the whole header, so only wildcard listeners use one. */
static void prepare_wildcard(struct uring *uring, struct io_uring_sqe *sqe, uint32_t place,
                             const struct io_message *msg)
{
    struct uring_parcel *parcel = &uring->parcels[place];

    parcel->peer = msg->path.peer;
    parcel->iov = (struct iovec){msg->data, msg->len};
    parcel->msg = (struct msghdr){
        .msg_name = &parcel->peer,
        .msg_namelen = rd_address_len(&parcel->peer),
        .msg_iov = &parcel->iov,
        .msg_iovlen = 1,
        .msg_control = parcel->control,
        .msg_controllen = pktinfo_write(&msg->path.local, parcel->control),
    };
    io_uring_prep_sendmsg(sqe, (int)msg->path.way, &parcel->msg, MSG_DONTWAIT);
}

static void prepare_answer(struct uring *uring, struct io_uring_sqe *sqe, uint32_t place,
                           const struct io_message *msg)
{
    union rd_address *peer = &uring->peers[place];

    if (msg->path.local.any.sa_family != AF_UNSPEC) {
        prepare_wildcard(uring, sqe, place, msg);
    } else {
        *peer = msg->path.peer;
        io_uring_prep_send(sqe, (int)msg->path.way, msg->data, msg->len, MSG_DONTWAIT);
        io_uring_prep_send_set_addr(sqe, &peer->any, (uint16_t)rd_address_len(peer));
    }
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = uring_tag(URING_ANSWERED, 0, 0);
}

static void prepare_question(const struct port *port, struct io_uring_sqe *sqe,
                             const struct io_message *msg)
{
    io_uring_prep_send(sqe, port->fd, msg->data, msg->len, MSG_DONTWAIT);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = uring_tag(URING_ASKED, port->generation, msg->port);
}

static void lose(struct uring *uring, const struct io_message *msg, int error)
{
    uring_give(uring, &msg->buffer, 1);
    if (msg->origin == IO_CLIENT) {
        rd_stat_inc(&uring->base.stats->answers_lost_send);
        return;
    }
    rd_stat_inc(&uring->base.stats->upstream_send_failed);
    if (!ports_report(&uring->base.ports, msg->port, IO_SEND_FAILED, error))
        rd_stat_inc(&uring->base.stats->io_errors);
}

static void send_one(struct uring *uring, const struct io_message *msg)
{
    struct io_uring_sqe *sqe;
    uint32_t place;

    if (streams_is_for(msg)) {
        streams_send(&uring->base.streams, msg);
        return;
    }
    if (msg->origin == IO_PORT && uring->base.ports.at[msg->port].state != PORT_OPEN) {
        lose(uring, msg, EBADF);
        return;
    }
    /* The kernel took a part of the last submission only: hold on until it has the rest. */
    if (uring->n_taken == uring->max_taken)
        uring_submit(uring);
    sqe = uring->n_taken < uring->max_taken ? uring_sqe(uring) : NULL;
    if (sqe == NULL) {
        lose(uring, msg, EAGAIN);
        return;
    }
    place = uring->n_taken++;
    uring->taken[place] = msg->buffer;
    if (msg->origin == IO_CLIENT)
        prepare_answer(uring, sqe, place, msg);
    else
        prepare_question(&uring->base.ports.at[msg->port], sqe, msg);
}

void uring_send(struct io *io, const struct io_message *msgs, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        send_one((struct uring *)io, &msgs[i]);
}
