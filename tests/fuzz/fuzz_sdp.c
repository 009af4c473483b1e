/* Session descriptions from peers. What parses is printed for the other leg, and that print is a fixed point: it parses,
 * and prints to the same bytes. An answer to it parses and is aligned with it. */
#include "lib/sdp/sdp.h"
#include "tests/fuzz/fuzz.h"

static char printed[1 << 18], second[1 << 18];
static struct sdp_session session, again;
static struct sdp_local_media local[SDP_MEDIA_MAX];
static const struct sdp_origin origin = {"-", 1, 2, {.family = NET_IPV4, .bytes = {192, 0, 2, 1}}};
static const struct sdp_codec codecs[] = {{.name = {"PCMU", 4}, .clock_rate_hz = 8000, .channels = 1},
					  {.name = {"opus", 4}, .clock_rate_hz = 48000, .channels = 2}};

static void check_views(struct view all)
{
	MUST(is_inside(session.user, all) && is_inside(session.id, all) && is_inside(session.origin_address, all));
	for (unsigned i = 0; i < session.attribute_count; i++)
		MUST(is_inside(session.attributes[i].name, all) && is_inside(session.attributes[i].value, all));
	for (unsigned i = 0; i < session.media_count; i++) {
		const struct sdp_section *section = &session.media[i].section;

		MUST(section->attribute_first + section->attribute_count <= session.attribute_count);
		MUST(is_inside(section->connection.host, all));
		for (unsigned f = 0; f < session.media[i].format_count; f++)
			MUST(is_inside(session.media[i].formats[f], all));
	}
}

static void ask(void)
{
	struct net_endpoint endpoint;
	struct sdp_codec codec;
	struct view value;

	for (unsigned i = 0; i < session.media_count; i++) {
		MUST(sdp_media_rtp(&session, i, &endpoint) || endpoint.port != 0);
		MUST(sdp_media_rtcp(&session, i, true, &endpoint) || endpoint.port != 0);
		(void)sdp_media_attribute(&session, i, "label", &value);
		for (unsigned f = 0; f < session.media[i].format_count; f++)
			MUST(sdp_media_codec(&session, i, f, &codec) ||
			     (codec.clock_rate_hz != 0 && codec.channels != 0));
	}
}

static void check_relay(void)
{
	struct sdp_refusal refusal;
	struct text t, t2;

	text_init(&t, printed, sizeof(printed));
	if (sdp_relay_print(&t, &session, &origin, local) || t.size > SDP_SIZE_MAX)
		return;
	/* a direction and rtcp-mux of our own may be attributes too many */
	if (session.attribute_count + 2 * session.media_count > SDP_ATTRIBUTES_MAX)
		return;
	MUST(sdp_parse(text_view(&t), &again, &refusal) == 0);
	MUST(again.media_count == session.media_count);
	for (unsigned i = 0; i < again.media_count; i++) {
		MUST((again.media[i].port == 0) == (session.media[i].port == 0 || local[i].port == 0));
		MUST(again.media[i].format_count == session.media[i].format_count);
		if (again.media[i].port)
			MUST(sdp_media_direction(&again, i) == sdp_media_direction(&session, i));
	}
	text_init(&t2, second, sizeof(second));
	MUST(sdp_relay_print(&t2, &again, &origin, local) == 0);
	MUST(view_equal(text_view(&t), text_view(&t2)));
}

static void check_answer(void)
{
	struct sdp_choice choice;
	struct sdp_refusal refusal;
	struct text t;

	if (sdp_answer_choose(&session, codecs, ARRAY_LEN(codecs), &choice))
		return;
	MUST(choice.media < session.media_count && choice.codec < ARRAY_LEN(codecs));
	text_init(&t, printed, sizeof(printed));
	if (sdp_answer_print(&t, &session, &choice, &origin, &local[0]) || t.size > SDP_SIZE_MAX)
		return;
	MUST(sdp_parse(text_view(&t), &again, &refusal) == 0);
	MUST(again.media_count == session.media_count && again.media[choice.media].port == local[0].port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view text = {(const char *)data, size};
	struct sdp_refusal refusal = {.sentence = NULL};

	for (unsigned i = 0; i < SDP_MEDIA_MAX; i++)
		local[i] = (struct sdp_local_media){
			.port = i == 3 ? 0 : (uint16_t)(30000 + 2 * i),
			.rtcp_port = i == 1 ? 40000 : 0,
			.has_rtcp_mux = i == 2,
		};
	if (sdp_parse(text, &session, &refusal)) {
		MUST(refusal.sentence && refusal.offset <= size);
		return 0;
	}
	check_views(text);
	ask();
	check_relay();
	check_answer();
	return 0;
}
