/**
 * The time that a verifier is expected to need for each byte of a request's words, ms. A token has about four bytes in English, so this
 * is 125 tokens a second: a processor with eight cores reads the prompt of a model of 8e9 parameters at least so fast.
 */
export const MS_PER_REQUEST_BYTE = 2;
