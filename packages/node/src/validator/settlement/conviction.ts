import type { ChainClient } from '@ogong/chain/client';
import { sortQuorum } from '@ogong/chain/settle-call';
import { type EvidenceChain, type JudgedEvidence, judgeByChain } from '@ogong/host/views/judge-by-chain';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { hashOverAdmission, isConvicted, type OverAdmission } from '@ogong/protocol/exchange/over-admission';
import { type Conviction, hashConviction } from '@ogong/protocol/settlement/conviction';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';

export interface ConvictionContext {
  readonly crypto: Crypto;
  /** Domain of the escrow contract. */
  readonly ledger: LedgerDomain;
  /** Domain of the settlement contract. */
  readonly domain: LedgerDomain;
}

export interface SignedConviction extends Conviction {
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

async function nameConviction(
  { crypto }: Pick<ConvictionContext, 'crypto'>,
  client: Pick<ChainClient, 'convictionsOf'>,
  { judged, evidence }: { readonly judged: JudgedEvidence; readonly evidence: OverAdmission },
): Promise<Conviction> {
  const { validator } = judged.claim;
  const { count } = await client.convictionsOf(validator);
  return { validator, evidence: hashOverAdmission(crypto, evidence), conviction: count + 1 };
}

/**
 * Judges evidence by this operator's own reading of the chain, and signs the conviction where every check passes.
 * @returns `signed` undefined where the evidence does not convict. @throws ChainError, SignerError, ProtocolError
 */
export async function signConviction(
  { signer, ...context }: ConvictionContext & { readonly signer: ValidatorSigner },
  client: EvidenceChain,
  evidence: OverAdmission,
): Promise<{ readonly judged: JudgedEvidence; readonly signed: SignedConviction | undefined }> {
  const { crypto, ledger, domain } = context;
  const judged = await judgeByChain(crypto, { chain: client, ledger }, evidence);
  if (!isConvicted(judged.checks)) return { judged, signed: undefined };
  const conviction = await nameConviction(context, client, { judged, evidence });
  const signature = await signer.sign({ kind: 'conviction', domain, ...conviction });
  return { judged, signed: { ...conviction, signature } };
}

/**
 * Submits the signatures of those who agree, whatever their order.
 * @returns the transaction; undefined where the evidence does not convict. @throws ChainError also where they are no quorum
 */
export async function submitConviction(
  context: ConvictionContext,
  client: EvidenceChain & Pick<ChainClient, 'convict'>,
  { evidence, signatures }: { readonly evidence: OverAdmission; readonly signatures: readonly Uint8Array[] },
): Promise<{ readonly judged: JudgedEvidence; readonly transaction: string | undefined }> {
  const { crypto, ledger, domain } = context;
  const judged = await judgeByChain(crypto, { chain: client, ledger }, evidence);
  if (!isConvicted(judged.checks)) return { judged, transaction: undefined };
  const conviction = await nameConviction(context, client, { judged, evidence });
  const quorum = await sortQuorum(hashConviction(crypto, domain, conviction), signatures);
  const { transactionHash } = await client.convict(conviction.validator, conviction.evidence, quorum);
  return { judged, transaction: transactionHash };
}
