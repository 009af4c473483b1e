/* From what the API was given to what is kept, and from that to libconfig's words. What a member may have is lib/config's
 * affair; here is only what JSON and libconfig do not share. */
#include "controlplane/provision/provision_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "controlplane/auth/auth.h"

/* Kept when a new document does not say them: nobody is shown them, so nobody can say them again. */
static const char *const secrets[] = {"password", "ha1_md5", "ha1_sha256"};

int provision_refuse(struct provision_result *result, const char *field, const char *why)
{
	snprintf(result->field, sizeof(result->field), "%.63s", field);
	snprintf(result->why, sizeof(result->why), "%s", why);
	return result->error = ERR_INVALID;
}

/* ---- the document that is kept ---- */

/* What is shown and not kept: so that a document may come back as it was shown. */
static void drop_shown(enum conf_list list, json_t *document)
{
	static const char *const shown[] = {"source", "where", "version", "has_password"};

	for (size_t i = 0; i < ARRAY_LEN(shown); i++)
		(void)json_object_del(document, shown[i]);
	if (!provision_kinds[list].key)
		(void)json_object_del(document, provision_kinds[list].word);
}

static int check_keys(enum conf_list list, const json_t *document, struct provision_result *result)
{
	const char *name;
	const json_t *value;
	struct conf_key key;

	json_object_foreach((json_t *)(uintptr_t)document, name, value)
	{
		if (conf_find_key(list, name, &key) != 0)
			return provision_refuse(result, name, "there is no such field here");
	}
	return 0;
}

static bool has_secret(const json_t *document)
{
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		const json_t *value = json_object_get(document, secrets[i]);

		if (json_is_string(value) && json_string_length(value) > 0)
			return true;
	}
	return false;
}

static int keep_secrets(json_t *document, const json_t *before)
{
	int error = 0;

	for (size_t i = 0; i < ARRAY_LEN(secrets) && before && error == 0; i++) {
		json_t *value = json_object_get(before, secrets[i]);

		if (value)
			error = json_object_set(document, secrets[i], value);
	}
	return error ? ERR_NOMEM : 0;
}

/* The password goes, its hashes come. */
static int hash_password(json_t *document, const char *number, const char *realm, struct provision_result *result)
{
	const json_t *password = json_object_get(document, "password");
	char md5[AUTH_HEX_SIZE], sha256[AUTH_HEX_SIZE];
	int error;

	if (!password || json_is_null(password))
		return 0;
	if (!json_is_string(password) || json_string_length(password) < 1 || json_string_length(password) > 128 ||
	    json_string_length(password) != strlen(json_string_value(password)))
		return provision_refuse(result, "password", "must be a text of 1 to 128 characters");
	error = auth_hash_password(view_of(number), view_of(realm), view_of(json_string_value(password)), md5, sha256);
	if (error == 0 && (json_object_set_new(document, "ha1_md5", json_string(md5)) != 0 ||
			   json_object_set_new(document, "ha1_sha256", json_string(sha256)) != 0 ||
			   json_object_del(document, "password") != 0))
		error = ERR_NOMEM;
	return error;
}

static int set_name(json_t *document, const char *key, const char *name, struct provision_result *result)
{
	const json_t *said = json_object_get(document, key);

	if (said && (!json_is_string(said) || strcmp(json_string_value(said), name) != 0))
		return provision_refuse(result, key, "is not the name in the path");
	return json_object_set_new(document, key, json_string(name)) == 0 ? 0 : ERR_NOMEM;
}

int provision_make_document(const struct provision_change *change, const char *name, const char *realm,
			    const json_t *before, json_t **ret_document, struct provision_result *result)
{
	const struct provision_kind *kind = &provision_kinds[change->list];
	json_t *document = json_deep_copy(change->document);
	int error = document ? 0 : ERR_NOMEM;

	if (document) {
		drop_shown(change->list, document);
		error = check_keys(change->list, document, result);
	}

	if (error == 0 && kind->key)
		error = set_name(document, kind->key, name, result);
	if (error == 0 && !has_secret(document))
		error = keep_secrets(document, before);
	if (error == 0 && change->list == CONF_LIST_EXTENSIONS)
		error = hash_password(document, name, realm, result);
	if (error) {
		json_decref(document);
		return error;
	}
	*ret_document = document;
	return 0;
}

/* ---- libconfig's words ---- */

struct growing {
	char *at;
	size_t size, capacity;
	bool is_short; /* of memory */
};

static void add(struct growing *to, struct view bytes)
{
	if (to->size + bytes.size + 1 > to->capacity) {
		size_t capacity = MAX(to->capacity * 2, to->size + bytes.size + 256);
		char *at = realloc(to->at, capacity);

		to->is_short |= !at;
		if (!at)
			return;
		to->at = at;
		to->capacity = capacity;
	}
	memcpy(to->at + to->size, bytes.at, bytes.size);
	to->size += bytes.size;
	to->at[to->size] = '\0';
}

static void add_string(struct growing *to, const json_t *string)
{
	const char *bytes = json_string_value(string);
	char escape[8];

	add(to, VIEW("\""));
	for (size_t i = 0; i < json_string_length(string); i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c == '"' || c == '\\')
			snprintf(escape, sizeof(escape), "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			snprintf(escape, sizeof(escape), "\\x%02x", c ? c : 1); /* refused for what it is */
		else
			snprintf(escape, sizeof(escape), "%c", c);
		add(to, view_of(escape));
	}
	add(to, VIEW("\""));
}

static bool is_key(const char *name)
{
	size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789");

	return size > 0 && name[size] == '\0' && name[0] >= 'a';
}

static int add_value(struct growing *to, const json_t *value, const char *field, struct provision_result *result);

static int add_object(struct growing *to, const json_t *object, struct provision_result *result)
{
	const char *name;
	const json_t *value;
	int error = 0;

	add(to, VIEW("{ "));
	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		if (!is_key(name))
			return provision_refuse(result, name, "there is no such field here");
		if (json_is_null(value))
			continue;
		add(to, view_of(name));
		add(to, VIEW(" = "));
		error = add_value(to, value, name, result);
		if (error)
			return error;
		add(to, VIEW("; "));
	}
	add(to, VIEW("}"));
	return 0;
}

static int add_array(struct growing *to, const json_t *array, const char *field, struct provision_result *result)
{
	const json_t *value;
	int error = 0;
	size_t i;

	add(to, VIEW("( "));
	json_array_foreach(array, i, value)
	{
		if (i > 0)
			add(to, VIEW(", "));
		error = add_value(to, value, field, result);
		if (error)
			return error;
	}
	add(to, VIEW(" )"));
	return 0;
}

static int add_value(struct growing *to, const json_t *value, const char *field, struct provision_result *result)
{
	char number[32];

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return add_object(to, value, result);
	case JSON_ARRAY:
		return add_array(to, value, field, result);
	case JSON_STRING:
		add_string(to, value);
		return 0;
	case JSON_TRUE:
	case JSON_FALSE:
		add(to, json_is_true(value) ? VIEW("true") : VIEW("false"));
		return 0;
	case JSON_INTEGER:
		/* Without its L libconfig cuts it to 32 bits. */
		snprintf(number, sizeof(number), "%lldL", (long long)json_integer_value(value));
		add(to, view_of(number));
		return 0;
	default:
		return provision_refuse(result, field, "must be a text, a whole number, true, false or a list");
	}
}

int provision_print_row(enum conf_list list, const json_t *document, char **ret_text, struct provision_result *result)
{
	struct growing to = {0};
	int error = add_object(&to, document, result);

	if (error == 0 && to.is_short)
		error = ERR_NOMEM;
	if (error == 0 && to.size > PROVISION_DOCUMENT_MAX)
		error = provision_refuse(result, "", "is larger than 16384 bytes");
	if (error) {
		free(to.at);
		return error;
	}
	*ret_text = to.at;
	return 0;
}
