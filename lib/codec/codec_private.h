/* Between the sources of this folder: the rows, and helpers for fmtp. */
#ifndef LIB_CODEC_CODEC_PRIVATE_H
#define LIB_CODEC_CODEC_PRIVATE_H

#include "lib/codec/codec.h"

#define X(id, row) extern const struct codec_row row;
CODEC_LIST(X)
#undef X

/* The next "name=value" of an fmtp; false at its end. A name without a value has an empty one. */
bool codec_fmtp_next(struct view *rest, struct view *ret_name, struct view *ret_value);
/* 1 and 0 as a flag; anything else leaves it. */
void codec_fmtp_flag(struct view value, uint16_t flag, struct codec_settings *settings);
/* Between two parameters of an fmtp. */
void codec_fmtp_add(struct text *text, const char *name, uint32_t value);

#endif
