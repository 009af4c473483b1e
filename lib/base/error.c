/* The sentences of ERROR_LIST. */
#include "lib/base/base.h"

const char *error_text(int error)
{
	static const char *const texts[] = {
#define X(name, text) [name##_ROW] = text,
		ERROR_LIST(X)
#undef X
	};

	if (error == 0)
		return "ok";
	if (error > 0 || error < -(int)ERROR_COUNT)
		return "unknown error";
	return texts[-error - 1];
}
