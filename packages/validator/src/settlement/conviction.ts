import type { ChainClient } from '@ogong/chain/client';
import { sortQuorum } from '@ogong/chain/settlement/settle-call';
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
  /** Domain of the contract of cases. */
  readonly domain: LedgerDomain;
  /** Finder of the evidence, 20 bytes, which gets a share of the penalty. Default: none. */
  readonly reporter?: Uint8Array | undefined;
}

export interface SignedConviction extends Conviction {
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/** Returns the conviction under the chain's present number. */
async function nameCharge(
  client: Pick<ChainClient, 'convictionsOf'>,
  charge: Omit<Conviction, 'conviction'>,
): Promise<Conviction> {
  const { count } = await client.convictionsOf(charge.accused, charge.offence);
  return { ...charge, conviction: count + 1 };
}

async function nameConviction(
  { crypto, reporter = new Uint8Array(20) }: Pick<ConvictionContext, 'crypto' | 'reporter'>,
  client: Pick<ChainClient, 'convictionsOf'>,
  { judged, evidence }: { readonly judged: JudgedEvidence; readonly evidence: OverAdmission },
): Promise<Conviction> {
  const { validator: accused } = judged.claim;
  return nameCharge(client, {
    ...{ offence: 'over-admission', accused, reporter, evidence: hashOverAdmission(crypto, evidence) },
  });
}

/**
 * Checks evidence by this operator's own reading of the chain, and signs the conviction if every check passes.
 * @returns `signed` undefined if the evidence does not convict. @throws ChainError, SignerError, ProtocolError
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
 * Submits the signatures of the agreeing operators, in any order.
 * @returns the transaction; undefined if the evidence does not convict. @throws ChainError also if they are no quorum
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
  const { transactionHash } = await client.convict(conviction, quorum);
  return { judged, transaction: transactionHash };
}

/**
 * Signs a charge that an operator has checked itself, for offences that no program can decide by the chain alone.
 * @throws ChainError, SignerError
 */
export async function signCharge(
  { signer, domain }: Pick<ConvictionContext, 'domain'> & { readonly signer: ValidatorSigner },
  client: Pick<ChainClient, 'convictionsOf'>,
  charge: Omit<Conviction, 'conviction'>,
): Promise<SignedConviction> {
  const conviction = await nameCharge(client, charge);
  return { ...conviction, signature: await signer.sign({ kind: 'conviction', domain, ...conviction }) };
}

/** @returns the transaction. @throws ChainError also if the signatures are no quorum */
export async function submitCharge(
  { crypto, domain }: Pick<ConvictionContext, 'crypto' | 'domain'>,
  client: Pick<ChainClient, 'convictionsOf' | 'convict'>,
  {
    charge,
    signatures,
  }: { readonly charge: Omit<Conviction, 'conviction'>; readonly signatures: readonly Uint8Array[] },
): Promise<string> {
  const conviction = await nameCharge(client, charge);
  const quorum = await sortQuorum(hashConviction(crypto, domain, conviction), signatures);
  return (await client.convict(conviction, quorum)).transactionHash;
}
