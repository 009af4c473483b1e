/* Which packet is it, and was it there before: 48-bit indexes from 16-bit sequence numbers, and windows over them. */
#include "lib/srtp/private.h"

uint64_t secure_index(const struct secure_window *window, uint16_t sequence)
{
	uint16_t ahead;

	if (!window->has_any)
		return (window->highest & ~UINT64_C(0xffff)) | sequence;
	ahead = (uint16_t)(sequence - (uint16_t)window->highest);
	if (ahead < 0x8000)
		return window->highest + ahead;
	/* Behind; before the very first round there is nothing to be behind in. */
	if (window->highest < 0x10000u - ahead)
		return (window->highest & ~UINT64_C(0xffff)) | sequence;
	return window->highest - (0x10000u - ahead);
}

bool secure_window_has(const struct secure_window *window, uint64_t index)
{
	uint64_t behind;

	if (!window->has_any || index > window->highest)
		return false;
	behind = window->highest - index;
	return behind >= SECURE_WINDOW || window->seen[behind / 64] >> behind % 64 & 1;
}

void secure_window_add(struct secure_window *window, uint64_t index)
{
	uint64_t ahead, behind;

	if (!window->has_any || index > window->highest) {
		ahead = window->has_any ? index - window->highest : SECURE_WINDOW;
		if (ahead >= SECURE_WINDOW) {
			window->seen[0] = window->seen[1] = 0;
		} else if (ahead >= 64) {
			window->seen[1] = window->seen[0] << (ahead - 64);
			window->seen[0] = 0;
		} else {
			window->seen[1] = window->seen[1] << ahead | window->seen[0] >> (64 - ahead);
			window->seen[0] <<= ahead;
		}
		window->highest = index;
		window->has_any = true;
	}
	behind = window->highest - index;
	if (behind < SECURE_WINDOW)
		window->seen[behind / 64] |= UINT64_C(1) << behind % 64;
}
