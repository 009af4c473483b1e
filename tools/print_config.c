/* Prints conf/voxlane.conf from the schema: build/tools/print_config > conf/voxlane.conf */
#include "lib/config/config.h"

int main(void)
{
	conf_print_sample(stdout);
	return 0;
}
