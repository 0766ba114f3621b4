// Macros that keys, seals and certificates use.
#pragma once

static inline void *countersign_secure_zalloc(size_t count) { return OPENSSL_secure_zalloc(count); }
static inline void *countersign_zalloc(size_t count) { return OPENSSL_zalloc(count); }
static inline void countersign_secure_clear_free(void *memory, size_t count) { OPENSSL_secure_clear_free(memory, count); }
static inline void countersign_clear_free(void *memory, size_t count) { OPENSSL_clear_free(memory, count); }
static inline void countersign_free(void *memory) { OPENSSL_free(memory); }

static inline int countersign_rsa_padding_pss(EVP_PKEY_CTX *context) {
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, 32) > 0;
}

static inline long countersign_bio_pending(BIO *bio, char **bytes) { return BIO_get_mem_data(bio, bytes); }

static inline EVP_PKEY *countersign_generate_ec(const char *curve) { return EVP_EC_gen(curve); }
static inline EVP_PKEY *countersign_generate(const char *type) { return EVP_PKEY_Q_keygen(NULL, NULL, type); }
static inline EVP_PKEY *countersign_generate_rsa(size_t bits) { return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits); }
static inline unsigned long countersign_error_reason(unsigned long code) { return ERR_GET_REASON(code); }

static inline int countersign_extension_count(const STACK_OF(X509_EXTENSION) * extensions) {
  return sk_X509_EXTENSION_num(extensions);
}
static inline X509_EXTENSION *countersign_extension(const STACK_OF(X509_EXTENSION) * extensions, int index) {
  return sk_X509_EXTENSION_value(extensions, index);
}
static inline STACK_OF(X509) * countersign_x509_stack(void) { return sk_X509_new_null(); }
static inline int countersign_x509_push(STACK_OF(X509) * stack, X509 *certificate) {
  return sk_X509_push(stack, certificate);
}
static inline void countersign_x509_stack_free(STACK_OF(X509) * stack) { sk_X509_free(stack); }
static inline int countersign_general_name_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
static inline GENERAL_NAME *countersign_general_name(const GENERAL_NAMES *names, int index) {
  return sk_GENERAL_NAME_value(names, index);
}
static inline int countersign_object_count(const EXTENDED_KEY_USAGE *objects) { return sk_ASN1_OBJECT_num(objects); }
static inline ASN1_OBJECT *countersign_object(const EXTENDED_KEY_USAGE *objects, int index) {
  return sk_ASN1_OBJECT_value(objects, index);
}
