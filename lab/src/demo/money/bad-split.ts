import { createChainClient } from '@ogong/chain/client';
import { domainOf } from '@ogong/chain/domain';
import { createPreview } from '@ogong/chain/preview';
import { encodeSettle, type SettleCall } from '@ogong/chain/settlement/settle-call';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import { hashVoucher } from '@ogong/protocol/exchange/order';
import type { Debit, Line } from '@ogong/protocol/settlement/batch';
import { type CohortShard, splitCohort } from '@ogong/protocol/settlement/cohort';
import { createCohortLines } from '@ogong/protocol/settlement/cohort-lines';
import { findOutcome } from '../find-outcome.ts';
import type { SplitRecord } from '../run-record.ts';
import { readBooks } from './ledger-book.ts';
import { type CourtContext, signBatch, toBytes } from './sign-batch.ts';

/** No multiple of the prices. */
const FEE = 1_000_003n;
const LAYERS = [10, 12, 10];
/** Prices per 1,000 tokens, atomic units. */
const PRICES = [20n, 7n, 5n];
/** Index of the shard that is paid a unit too much. */
const GREEDY = 1;
const STILL_TRIES = 20;

/**
 * Submits a batch that pays one shard of a cohort a unit more than the fee. All validators sign it, and the payer's voucher is valid.
 * A preview of the same batch without that unit shows that the unit is the only obstacle.
 */
export async function submitBadSplit(context: CourtContext): Promise<SplitRecord | undefined> {
  const { mesh, chain, members } = context;
  const shards = listShards(context);
  const payer = mesh.members.find(({ role }) => role === 'gateway');
  const raised = shards[GREEDY];
  if (payer === undefined || raised === undefined) return undefined;
  const { privateKey } = payer.identity;
  const client = await createChainClient({ rpcUrl: mesh.plan.rpcUrl, deployment: mesh.deployment, privateKey });
  const amounts = splitCohort(FEE, shards);
  const asked = amounts.map((amount, i) => (i === GREEDY ? amount + 1n : amount));
  const router = new Uint8Array(20);
  const builder = findBuilderOutcome(() => createCohortLines({ feeAtomic: FEE, router, amounts: asked }, shards));
  const good = createCohortLines({ feeAtomic: FEE, router, amounts }, shards);
  const isRaised = ({ providerId }: Line): boolean => equalBytes(providerId, raised.providerId);
  const bad = good.map((line) => (isRaised(line) ? { ...line, gross: line.gross + 1n } : line));
  const { send } = createPreview(client.transactor);
  const attempt = async () => {
    const sequences = await readSequences(context);
    // A batch in between raises the count of the payer's voucher.
    const debit = await signDebit(context, privateKey);
    const before = await readBooks(chain, members);
    const refusedCall = await sign(context, bad, debit);
    const refused = await findOutcome(() => client.settle(refusedCall));
    const twin = encodeSettle(await sign(context, good, debit));
    const conserving = await findOutcome(() => send('settle', mesh.deployment.settlement, twin));
    const after = await readBooks(chain, members);
    const isStill = sequences === (await readSequences(context));
    return { isStill, refused, conserving, before, after };
  };
  // A batch of the daemons in between also moves money: repeat the attempt.
  let made = await attempt();
  for (let tries = 1; !made.isStill && tries < STILL_TRIES; tries++) made = await attempt();
  const { refused, conserving, before, after } = made;
  const nameOf = (id: Uint8Array): string => mesh.members.find(({ identity }) => identity.keyHash === id)?.name ?? '?';
  return {
    feeAtomic: FEE,
    shards: shards.map(({ providerId }, i) => ({
      ...{ name: nameOf(providerId), amountAtomic: amounts[i] ?? 0n, askedAtomic: asked[i] ?? 0n },
    })),
    answers: { builder, refused, conserving },
    before,
    after,
  };
}

/** Returns the number of settled batches of each validator. */
async function readSequences({ chain, validators }: CourtContext): Promise<string> {
  const anchors = await Promise.all(validators.map(({ address }) => chain.anchorOf(address)));
  return anchors.map(({ sequence }) => sequence).join();
}

function listShards({ mesh }: CourtContext): CohortShard[] {
  const providers = mesh.members.filter(({ role }) => role === 'provider').slice(0, LAYERS.length);
  return providers.map(({ identity }, i) => ({
    ...{ providerId: identity.keyHash, payee: toBytes(identity.address), layers: LAYERS[i] as number },
    firstLayer: LAYERS.slice(0, i).reduce((sum, layers) => sum + layers, 0),
    pricePer1kAtomic: PRICES[i] as bigint,
  }));
}

/** Signs the payer's voucher for exactly the fee. */
async function signDebit({ chain, validators: [handler] }: CourtContext, privateKey: string): Promise<Debit> {
  if (handler === undefined) throw new TypeError('a network has a validator');
  const signer = createNodeLedgerSigner(toBytes(privateKey));
  const { spent } = await chain.channelOf(signer.address, handler.address);
  const cumulative = spent + FEE;
  const termsHash = crypto.sha256(new Uint8Array());
  const voucher = { payer: signer.address, validator: toBytes(handler.address), cumulativeAtomic: cumulative };
  const signature = signer.signDigest(
    hashVoucher(crypto, domainOf(chain.deployment, chain.deployment.escrow), voucher, termsHash),
  );
  return { payer: signer.address, amount: FEE, cumulative, termsHash, signature };
}

/** Returns the next batch of the validator with the largest bond, signed by all. */
async function sign(context: CourtContext, lines: readonly Line[], debit: Debit): Promise<SettleCall> {
  const { chain, validators } = context;
  const { address } = validators[0] as CourtContext['validators'][number];
  const { sequence, logHead, logLength } = await chain.anchorOf(address);
  const batch = {
    ...{ validator: toBytes(address), sequence: sequence + 1n, logHead: toBytes(logHead), logLength },
    ...{ recordsRoot: crypto.sha256(new Uint8Array()), replies: 1 },
  };
  return signBatch(context, validators, { batch, debits: [debit], lines, ejections: [], tallies: [] });
}

function findBuilderOutcome(build: () => unknown): string {
  try {
    build();
    return 'built';
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.code;
  }
}
