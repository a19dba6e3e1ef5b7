import type { TextEngine } from '@ogong/engine/interface/text';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import type { HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import type { Submission } from '@ogong/protocol/verdict/claim';
import { commitReply } from '@ogong/provider/modality/text/commit-reply';
import { generateReply, type ReplyBeacon } from '@ogong/provider/modality/text/generate-reply';
import { WORD_UNTIL_MS } from '@ogong/testing/validator/test-keys';
import type { TestOrder } from '@ogong/testing/validator/test-reply';

export interface EngineReply {
  readonly submission: Submission;
  readonly opening: Uint8Array;
  readonly windows: readonly WindowBytes[];
}

/** One reply of an engine, committed as a provider commits it. A cheat only differs by its engine. */
export async function serveByEngine(
  engine: TextEngine,
  order: TestOrder,
  {
    provider,
    payee,
    ledger,
    beacon,
    nowMs,
  }: {
    readonly provider: HybridSigner;
    readonly payee: LedgerSigner;
    readonly ledger: LedgerDomain;
    readonly beacon: ReplyBeacon;
    readonly nowMs: number;
  },
): Promise<EngineReply> {
  const generated = await generateReply(
    { order: order.fields, endpoint: 'chat', body: order.request, beacon },
    { engine, crypto },
  );
  if (generated === undefined) throw new Error('the engine ended without an answer');
  const { reply } = generated;
  const committed = commitReply(crypto, provider, { ...reply, startMs: nowMs, endMs: nowMs + 1_000 });
  const { header, headerProof, record, signature, response, opening } = committed;
  return {
    opening,
    windows: reply.windows,
    submission: {
      order: { order: order.order, signature: order.signature },
      record: { record, providerKey: provider.publicKey, signature },
      header,
      headerProof,
      request: order.request,
      endpoint: 'chat',
      response,
      payeeWord: signProviderPayee(crypto, payee, {
        validUntilMs: WORD_UNTIL_MS,
        ledger,
        providerId: order.fields.providerId,
      }),
    },
  };
}
