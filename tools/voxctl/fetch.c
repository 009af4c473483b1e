/* One request to the API with libcurl, and what to tell people when it does not work out. */
#include "tools/voxctl/voxctl.h"

#include <curl/curl.h>
#include <stdlib.h>

enum { BODY_MAX = 64 << 20, CONNECT_TIMEOUT_S = 3, TIMEOUT_S = 15 };

struct body {
	char *at;
	size_t size;
};

static size_t on_body(char *bytes, size_t unit, size_t count, void *arg)
{
	struct body *body = arg;
	size_t size = unit * count;
	char *at = body->size + size < BODY_MAX ? realloc(body->at, body->size + size + 1) : NULL;

	if (!at)
		return 0;
	memcpy(at + body->size, bytes, size);
	body->at = at;
	body->size += size;
	body->at[body->size] = '\0';
	return size;
}

static void explain_unreachable(const struct voxctl_server *server, CURLcode code, const char *detail)
{
	fprintf(stderr, "voxctl: %s cannot be reached: %s\n", server->url,
		detail[0] ? detail : curl_easy_strerror(code));
	fprintf(stderr, "Is voxlane-controlplane running there? Another address: --url http://HOST:PORT or VOXCTL_URL\n"
			"(monitoring.listen_ip and monitoring.health_check_port of its configuration).\n");
}

static void explain_refusal(const struct voxctl_reply *reply)
{
	char message[512], field[128];

	voxctl_value(reply->json, "error.message", message, sizeof(message));
	voxctl_value(reply->json, "error.field", field, sizeof(field));
	if (strcmp(message, "-") == 0)
		fprintf(stderr, "voxctl: the server answered with HTTP status %ld\n", reply->status);
	else if (strcmp(field, "-") == 0)
		fprintf(stderr, "voxctl: %s\n", message);
	else
		fprintf(stderr, "voxctl: %s: %s\n", field, message);
	if (reply->status == 401)
		fprintf(stderr, "The token is one of monitoring.tokens: --token TOKEN or VOXCTL_TOKEN.\n");
}

static struct curl_slist *make_headers(const struct voxctl_server *server, bool has_body)
{
	struct curl_slist *headers = has_body ? curl_slist_append(NULL, "Content-Type: application/json") : NULL;
	char header[1024];
	struct text text;

	if (!server->token)
		return headers;
	text_init(&text, header, sizeof(header));
	text_printf(&text, "Authorization: Bearer %s", server->token);
	return curl_slist_append(headers, header);
}

static CURLcode perform(CURL *curl, const char *url, const char *method, struct curl_slist *headers, struct body *body,
			char *detail)
{
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	/* The API never redirects, and a proxy for the Internet knows nothing of this machine. */
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	return curl_easy_perform(curl);
}

static void look_at_headers(CURL *curl, struct voxctl_reply *reply, bool *ret_is_csv)
{
	struct curl_header *header;
	char *type = NULL;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
	curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
	*ret_is_csv = type && strncmp(type, "text/csv", 8) == 0;
	if (curl_easy_header(curl, "x-next-cursor", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
		snprintf(reply->cursor, sizeof(reply->cursor), "%s", header->value);
}

enum voxctl_exit voxctl_send(const struct voxctl_server *server, const char *method, const char *path,
			     const char *request_body, long accepted_status, struct voxctl_reply *ret_reply)
{
	char url[2048], detail[CURL_ERROR_SIZE] = "";
	struct curl_slist *headers = make_headers(server, request_body != NULL);
	CURL *curl = curl_easy_init();
	struct body body = {0};
	CURLcode code = CURLE_FAILED_INIT;
	struct text text;
	char from_body[128];
	bool is_csv = false;

	*ret_reply = (struct voxctl_reply){0};
	text_init(&text, url, sizeof(url));
	text_printf(&text, "%s%s", server->url, path);
	if (curl && request_body)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request_body);
	if (curl && !text.overflow)
		code = perform(curl, url, method, headers, &body, detail);
	if (code == CURLE_OK)
		look_at_headers(curl, ret_reply, &is_csv);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	ret_reply->body = body.at;
	if (code != CURLE_OK) {
		explain_unreachable(server, code, detail);
		return VOXCTL_UNREACHABLE;
	}
	if (body.at)
		ret_reply->json = json_loadb(body.at, body.size, JSON_ALLOW_NUL, NULL);
	if (ret_reply->status >= 400 && ret_reply->status != accepted_status) {
		explain_refusal(ret_reply);
		return VOXCTL_REFUSED;
	}
	voxctl_value(ret_reply->json, "next_cursor", from_body, sizeof(from_body));
	if (!ret_reply->cursor[0] && strcmp(from_body, "-") != 0)
		snprintf(ret_reply->cursor, sizeof(ret_reply->cursor), "%s", from_body);
	if (ret_reply->json || is_csv)
		return VOXCTL_DONE;
	fprintf(stderr, "voxctl: %s does not answer as Voxlane's API does\n", server->url);
	return VOXCTL_REFUSED;
}

enum voxctl_exit voxctl_fetch(const struct voxctl_server *server, const char *method, const char *path,
			      long accepted_status, struct voxctl_reply *ret_reply)
{
	return voxctl_send(server, method, path, NULL, accepted_status, ret_reply);
}

void voxctl_reply_free(struct voxctl_reply *reply)
{
	json_decref(reply->json);
	free(reply->body);
	*reply = (struct voxctl_reply){0};
}

char *voxctl_encode(const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	char *encoded = malloc(strlen(text) * 3 + 1);
	struct text to;

	if (!encoded)
		return NULL;
	text_init(&to, encoded, strlen(text) * 3 + 1);
	for (const char *at = text; *at; at++) {
		if (strchr(plain, *at))
			text_add_char(&to, *at);
		else
			text_printf(&to, "%%%02X", (unsigned char)*at);
	}
	return encoded;
}
