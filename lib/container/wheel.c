/* The timer wheel: level 0 holds the next 256 ms slot by slot, each further level 256 times as much; when a level comes
 * round, the next slot of the level above is spread over it. */
#include "lib/container/wheel.h"

enum { SLOT_BITS = 8, SLOT_MASK = WHEEL_SLOTS - 1 };

void wheel_init(struct wheel *wheel, uint64_t now_ms)
{
	wheel->now_ms = now_ms;
	wheel->count = 0;
	memset(wheel->used, 0, sizeof(wheel->used));
	for (size_t level = 0; level < WHEEL_LEVELS; level++)
		for (size_t slot = 0; slot < WHEEL_SLOTS; slot++)
			list_init(&wheel->slots[level][slot]);
}

void wheel_timer_init(struct wheel_timer *timer, void (*expired)(void *arg), void *arg)
{
	*timer = (struct wheel_timer){.expired = expired, .arg = arg};
	list_init(&timer->link);
}

bool wheel_timer_is_running(const struct wheel_timer *timer)
{
	return !list_is_empty(&timer->link);
}

static void place(struct wheel *wheel, struct wheel_timer *timer)
{
	uint64_t ahead = timer->due_ms - wheel->now_ms;
	unsigned level = 0;
	unsigned slot;

	while (level < WHEEL_LEVELS - 1 && ahead >= (uint64_t)1 << (SLOT_BITS * (level + 1)))
		level++;
	slot = (unsigned)(timer->due_ms >> (SLOT_BITS * level)) & SLOT_MASK;
	list_add(&wheel->slots[level][slot], &timer->link);
	wheel->used[level][slot / 64] |= (uint64_t)1 << (slot % 64);
}

void wheel_start(struct wheel *wheel, struct wheel_timer *timer, uint64_t delay_ms)
{
	wheel_stop(wheel, timer);
	delay_ms = MAX(1, MIN(delay_ms, UINT32_MAX));
	timer->due_ms = wheel->now_ms + delay_ms;
	wheel->count++;
	place(wheel, timer);
}

void wheel_stop(struct wheel *wheel, struct wheel_timer *timer)
{
	if (!wheel_timer_is_running(timer))
		return;
	list_del(&timer->link);
	wheel->count--;
}

/* Empties a slot into `out`, leaving the slot marked unused. */
static void empty_slot(struct wheel *wheel, unsigned level, unsigned slot, struct list *out)
{
	struct list *head = &wheel->slots[level][slot], *link;

	wheel->used[level][slot / 64] &= ~((uint64_t)1 << (slot % 64));
	list_init(out);
	while ((link = list_first(head))) {
		list_del(link);
		list_add(out, link);
	}
}

static void cascade(struct wheel *wheel)
{
	for (unsigned level = 1; level < WHEEL_LEVELS; level++) {
		unsigned slot = (unsigned)(wheel->now_ms >> (SLOT_BITS * level)) & SLOT_MASK;
		struct list out, *link;

		empty_slot(wheel, level, slot, &out);
		while ((link = list_first(&out))) {
			list_del(link);
			place(wheel, LIST_ENTRY(link, struct wheel_timer, link));
		}
		if (slot != 0)
			break;
	}
}

static void tick(struct wheel *wheel)
{
	struct list due, *link;

	wheel->now_ms++;
	if ((wheel->now_ms & SLOT_MASK) == 0)
		cascade(wheel);
	empty_slot(wheel, 0, (unsigned)wheel->now_ms & SLOT_MASK, &due);
	while ((link = list_first(&due))) {
		struct wheel_timer *timer = LIST_ENTRY(link, struct wheel_timer, link);

		list_del(link);
		wheel->count--;
		timer->expired(timer->arg);
	}
}

/* Slots from `slot` to the next one in use, going round: 1..WHEEL_SLOTS; 0 when none is. */
static unsigned next_used(const uint64_t used[WHEEL_SLOTS / 64], unsigned slot)
{
	unsigned from = (slot + 1) & SLOT_MASK;

	for (unsigned i = 0; i <= WHEEL_SLOTS / 64; i++) {
		unsigned word = (from / 64 + i) % (WHEEL_SLOTS / 64);
		uint64_t bits = used[word];

		if (i == 0)
			bits &= UINT64_MAX << (from % 64);
		if (bits)
			return ((word * 64 + (unsigned)__builtin_ctzll(bits) - slot - 1) & SLOT_MASK) + 1;
	}
	return 0;
}

/* A slot of level 0 is due when the clock reaches it; one of a higher level is spread when the clock reaches its start. */
uint64_t wheel_next_ms(const struct wheel *wheel)
{
	uint64_t next = UINT64_MAX;

	if (wheel->count == 0)
		return UINT64_MAX;
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		uint64_t now = wheel->now_ms >> (SLOT_BITS * level);
		unsigned ahead = next_used(wheel->used[level], (unsigned)now & SLOT_MASK);

		if (ahead > 0)
			next = MIN(next, ((now + ahead) << (SLOT_BITS * level)) - wheel->now_ms);
	}
	return next;
}

void wheel_advance(struct wheel *wheel, uint64_t now_ms)
{
	while (wheel->now_ms < now_ms) {
		uint64_t next = wheel_next_ms(wheel);

		if (next > now_ms - wheel->now_ms) {
			wheel->now_ms = now_ms;
			return;
		}
		wheel->now_ms += next - 1;
		tick(wheel);
	}
}
