// Macros that only the channel handler uses.
#pragma once

static inline int countersign_ctx_set_versions(SSL_CTX *context, int lowest, int highest) {
  return SSL_CTX_set_min_proto_version(context, lowest) && SSL_CTX_set_max_proto_version(context, highest);
}
static inline void countersign_ctx_set_mode(SSL_CTX *context, long mode) { SSL_CTX_set_mode(context, mode); }
static inline int countersign_ctx_disable_resumption(SSL_CTX *context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  return SSL_CTX_set_num_tickets(context, 0);
}
static inline void countersign_ctx_set_max_chain_bytes(SSL_CTX *context, long bytes) {
  SSL_CTX_set_max_cert_list(context, bytes);
}
static inline int countersign_ctx_set_groups(SSL_CTX *context, const char *groups) {
  return (int)SSL_CTX_set1_groups_list(context, groups);
}
static inline int countersign_ctx_add_chain(SSL_CTX *context, X509 *certificate) {
  return (int)SSL_CTX_add1_chain_cert(context, certificate);
}
static inline int countersign_set_server_name(SSL *ssl, const char *name) {
  return (int)SSL_set_tlsext_host_name(ssl, name);
}
static inline void countersign_set_owner(SSL *ssl, void *owner) { SSL_set_app_data(ssl, owner); }
static inline void *countersign_owner(const SSL *ssl) { return SSL_get_app_data(ssl); }

static inline SSL *countersign_verifying_connection(X509_STORE_CTX *context) {
  return (SSL *)X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
}
static inline int countersign_x509_count(const STACK_OF(X509) * stack) { return stack ? sk_X509_num(stack) : 0; }
static inline X509 *countersign_x509(const STACK_OF(X509) * stack, int index) { return sk_X509_value(stack, index); }

static inline void countersign_bio_set_retry_read(BIO *bio) {
  BIO_clear_retry_flags(bio);
  BIO_set_retry_read(bio);
}
static inline void countersign_bio_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }
