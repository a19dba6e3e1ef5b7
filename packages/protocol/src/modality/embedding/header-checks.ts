import { type Check, check, fail, pass, skip } from '../../base/checks.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { checkBank, checkOrder, checkPayee, checkRoom, type OrderContext } from '../../stage1/common-checks.ts';
import { checkDemands } from '../demands.ts';
import type { EmbeddingHeader } from './header.ts';
import type { AskedEmbedding } from './request.ts';

export interface EmbeddingContext extends OrderContext {
  readonly request: AskedEmbedding;
}

/** Checks that an embedding's header agrees with order, request and beacon. */
export function checkEmbeddingHeader(
  crypto: Crypto,
  header: EmbeddingHeader,
  { order, request, response, beacon }: EmbeddingContext,
): readonly Check[] {
  return [
    checkOrder(header, order),
    checkInputs(header, {
      ...{ request, choice: order.choice },
      hasTier: request.model.startsWith(`ogong/${header.tier}/`),
    }),
    checkSize(header, response),
    checkBank(crypto, header, order, beacon),
    checkPayee(header, order),
    checkRoom(header.longestInput, order.contextSize),
    ...checkDemands(header, order, request),
  ];
}

/** Checks the inputs. @param given.hasTier whether the request names the header's tier. */
export function checkInputs(
  header: EmbeddingHeader,
  {
    request,
    choice,
    hasTier,
  }: { readonly request: AskedEmbedding; readonly choice: number; readonly hasTier: boolean },
): Check {
  const wrong = [
    ...(header.endpoint === request.endpoint ? [] : ['endpoint']),
    ...(header.vectorCount === request.inputCount ? [] : ['number of inputs']),
    ...(request.dimensions === 0 || header.embeddingSize === request.dimensions ? [] : ['dimensions']),
    ...(header.choice === choice && choice === 0 ? [] : ['choice']),
    ...(hasTier ? [] : ['tier']),
    // Embedding models run without adapters.
    ...(header.parts.length === 0 ? [] : ['adapters']),
  ];
  if (wrong.length > 0) return fail('inputs', `committed differently from the request: ${wrong.join(', ')}`);
  return pass('inputs', `${header.vectorCount} inputs, as requested`);
}

export function checkSize({ vectorCount, embeddingSize }: EmbeddingHeader, response: Uint8Array | undefined): Check {
  if (response === undefined) return skip('response-size', 'the response is not shown here');
  const bytes = 4 * vectorCount * embeddingSize;
  return check('response-size', response.length === bytes, [
    `${bytes} bytes of ${vectorCount} vectors`,
    `${vectorCount} vectors of ${embeddingSize} values are ${bytes} bytes, and ${response.length} were served`,
  ]);
}
