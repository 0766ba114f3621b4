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

// 1 where OpenSSL does not know the extension, or where its value is DER of that kind without bytes behind it.
static inline int countersign_extension_is_exact(X509_EXTENSION *extension) {
  const X509V3_EXT_METHOD *method = X509V3_EXT_get(extension);
  if (method == NULL) return 1;
  void *value = X509V3_EXT_d2i(extension);
  if (value == NULL) return 0;
  X509_EXTENSION *again = X509V3_EXT_i2d(method->ext_nid, X509_EXTENSION_get_critical(extension), value);
  if (method->it != NULL) ASN1_item_free((ASN1_VALUE *)value, ASN1_ITEM_ptr(method->it));
  else if (method->ext_free != NULL) method->ext_free(value);
  int exact = again != NULL &&
              ASN1_OCTET_STRING_cmp(X509_EXTENSION_get_data(again), X509_EXTENSION_get_data(extension)) == 0;
  X509_EXTENSION_free(again);
  return exact;
}
static inline int countersign_subtree_count(const STACK_OF(GENERAL_SUBTREE) * subtrees) {
  return subtrees ? sk_GENERAL_SUBTREE_num(subtrees) : 0;
}
static inline GENERAL_NAME *countersign_subtree_base(const STACK_OF(GENERAL_SUBTREE) * subtrees, int index) {
  return sk_GENERAL_SUBTREE_value(subtrees, index)->base;
}
// NID of the digest that RSASSA-PSS parameters (RFC 8017 section A.2.3) name; NID_undef where they cannot be read.
static inline int countersign_pss_digest(const X509_ALGOR *algorithm) {
  RSA_PSS_PARAMS *parameters =
      (RSA_PSS_PARAMS *)ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), algorithm->parameter);
  if (parameters == NULL) return NID_undef;
  int digest = parameters->hashAlgorithm ? OBJ_obj2nid(parameters->hashAlgorithm->algorithm) : NID_sha1;
  RSA_PSS_PARAMS_free(parameters);
  return digest;
}
static inline int countersign_string_count(const STACK_OF(OPENSSL_STRING) * strings) {
  return strings ? sk_OPENSSL_STRING_num(strings) : 0;
}
static inline const char *countersign_string(const STACK_OF(OPENSSL_STRING) * strings, int index) {
  return sk_OPENSSL_STRING_value(strings, index);
}
static inline int countersign_policy_count(const CERTIFICATEPOLICIES *policies) {
  return sk_POLICYINFO_num(policies);
}
static inline ASN1_OBJECT *countersign_policy(const CERTIFICATEPOLICIES *policies, int index) {
  return sk_POLICYINFO_value(policies, index)->policyid;
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

// RFC 4514 text with UTF-8 as it is.
static inline unsigned long countersign_name_flags(void) { return XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB; }

// Parameter lists keep pointers to their names, which Swift's strings do not outlive.
static inline int countersign_hkdf_sha256(EVP_KDF_CTX *context, int mode, const void *key, size_t key_count,
                                          const void *salt, size_t salt_count, const void *info, size_t info_count,
                                          unsigned char *output, size_t count) {
  OSSL_PARAM parameters[6], *next = parameters;
  *next++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
  *next++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0);
  *next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, key_count);
  if (salt_count > 0) *next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, salt_count);
  if (info_count > 0) *next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, info_count);
  *next = OSSL_PARAM_construct_end();
  return EVP_KDF_derive(context, output, count, parameters);
}
