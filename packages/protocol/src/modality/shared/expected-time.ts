/**
 * The time that a verifier may need for each byte of a request's words, ms. With four bytes in a token, this asks for 125 tokens of a
 * prompt a second.
 */
export const MS_PER_REQUEST_BYTE = 2;
