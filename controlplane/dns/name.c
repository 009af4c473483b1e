/* Names: which text is one, and one spelling for each. */
#include "controlplane/dns/dns_private.h"

static const char *const type_names[DNS_TYPE_COUNT] = {
#define X(name, text, number) [name] = (text),
	DNS_TYPE_LIST(X)
#undef X
};

const char *dns_type_name(enum dns_type type)
{
	return (unsigned)type < DNS_TYPE_COUNT ? type_names[type] : "?";
}

/* Letters, digits, "-" and "_"; labels of 1 to 63. Everything else in an answer is somebody's trick. */
int dns_name_normalize(struct view name, char ret_name[DNS_NAME_SIZE])
{
	size_t label = 0;

	if (name.size > 0 && name.at[name.size - 1] == '.')
		name.size--;
	if (name.size >= DNS_NAME_SIZE)
		return ERR_TOO_LONG;
	for (size_t i = 0; i < name.size; i++) {
		char c = name.at[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c == '.' ? label == 0
			     : label >= 63 ||
				       !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return ERR_SYNTAX;
		label = c == '.' ? 0 : label + 1;
		ret_name[i] = c;
	}
	ret_name[name.size] = '\0';
	return label > 0 ? 0 : ERR_SYNTAX;
}
