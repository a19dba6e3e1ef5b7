import { type Check, check, skip } from '../../base/checks.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { OrderContext } from '../../stage1/common-checks.ts';
import { type AskedWhole, checkAsked, checkWholeHeader } from '../shared/whole-reply.ts';
import type { EmbeddingHeader } from './header.ts';
import type { AskedEmbedding } from './request.ts';

export interface EmbeddingContext extends OrderContext {
  readonly request: AskedEmbedding;
}

/** Checks that an embedding's header agrees with order, request and beacon. */
export const checkEmbeddingHeader = (
  crypto: Crypto,
  header: EmbeddingHeader,
  context: EmbeddingContext,
): readonly Check[] =>
  checkWholeHeader(crypto, header, {
    context,
    checkInputs: (asked) => checkInputs(header, { ...asked, request: context.request }),
    size: checkSize(header, context.response),
    room: header.longestInput,
  });

export function checkInputs(header: EmbeddingHeader, asked: AskedWhole & { readonly request: AskedEmbedding }): Check {
  const { request } = asked;
  const wrong = [
    ...(header.vectorCount === request.inputCount ? [] : ['number of inputs']),
    ...(request.dimensions === 0 || header.embeddingSize === request.dimensions ? [] : ['dimensions']),
  ];
  return checkAsked(header, asked, { wrong, detail: `${header.vectorCount} inputs, as requested` });
}

export function checkSize({ vectorCount, embeddingSize }: EmbeddingHeader, response: Uint8Array | undefined): Check {
  if (response === undefined) return skip('response-size', 'the response is not shown here');
  const bytes = 4 * vectorCount * embeddingSize;
  return check('response-size', response.length === bytes, [
    `${bytes} bytes of ${vectorCount} vectors`,
    `${vectorCount} vectors of ${embeddingSize} values are ${bytes} bytes, and ${response.length} were served`,
  ]);
}
