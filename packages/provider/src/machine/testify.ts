import { encodeEvidence } from '@ogong/attestation/evidence-file';
import type { Testimony } from '@ogong/attestation/testimony';
import type { Attester } from '@ogong/host/attester/attester';
import type { Clock } from '@ogong/host/time/clock';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { computeTestimonyData, encodeHttpsExchange, hashChain } from '@ogong/protocol/tier/testimony';
import { type ExchangeLimits, type ExchangeOrder, type MadeExchange, makeExchange } from './https-exchange.ts';

export interface TestimonyContext {
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly attester: Attester;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/**
 * Makes an exchange, and has the machine say so: its report holds the hash of what was asked, of what came, and of who answered.
 * Headers are not in it, so a key that the server wants stays here.
 * @param challenge the caller's 32 bytes. @throws ExchangeError, AttesterError
 */
export async function testify(
  order: ExchangeOrder,
  { challenge, ...limits }: ExchangeLimits & { readonly challenge: Uint8Array },
  { crypto, attester, clock }: TestimonyContext,
): Promise<{ readonly testimony: Testimony; readonly made: MadeExchange }> {
  const { method, url, body: request = new Uint8Array() } = order;
  const made = await makeExchange(order, limits, clock);
  const { status, response, chain, timeMs } = made;
  const statement = encodeHttpsExchange({
    ...{ method, url, status, timeMs },
    requestHash: crypto.sha256(request),
    responseHash: crypto.sha256(response),
    chainHash: hashChain(crypto, chain),
  });
  const evidence = encodeEvidence(await attester.attest(computeTestimonyData(crypto, statement, challenge)));
  return { testimony: { statement, challenge, chain, evidence, request, response }, made };
}
