/* Word to systemd, by hand: one datagram to $NOTIFY_SOCKET (sd_notify(3)); nothing when there is none. */
#ifndef LIB_NOTIFY_NOTIFY_H
#define LIB_NOTIFY_NOTIFY_H

/* "READY=1", "STOPPING=1". Main thread. */
void notify(const char *state);

#endif
