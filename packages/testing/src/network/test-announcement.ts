import type { HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import {
  type Announcement,
  type OfferedModel,
  type SignedAnnouncement,
  signAnnouncement,
} from '@ogong/protocol/exchange/announcement';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import { testCrypto as crypto } from '../validator/test-crypto.ts';
import { signTestEndorsement, WORD_UNTIL_MS } from '../validator/test-keys.ts';
import { MODEL, MODEL_ROOT, PRICE_PER_1K, payeeSigner } from '../validator/test-reply.ts';

const LIFETIME_MS = 3_600_000;

/** The model that test providers offer. */
export const TEST_OFFER: OfferedModel = {
  modality: 'text',
  ...{ modelId: MODEL, modelRoot: MODEL_ROOT, pricePer1kAtomic: PRICE_PER_1K, contextSize: 4096 },
  ...{ numericClass: 'x', capacity: 1, freeCapacity: 1 },
};

export interface TestAnnouncement {
  readonly key: HybridSigner;
  readonly ledger: LedgerDomain;
  readonly nowMs: number;
  /** Default: the payee of test replies. */
  readonly payee?: LedgerSigner | undefined;
  /** Key of the announced verifier. Default: that of the provider. */
  readonly verifierKey?: HybridSigner | undefined;
  /** Replaces fields before anything is signed. */
  readonly fields?: Omit<Partial<Announcement>, 'payee'>;
}

/** Signs an announcement as a provider does, with the signatures of its payee and its verifier. */
export function signTestAnnouncement(given: TestAnnouncement): {
  readonly announcement: Announcement;
  readonly signed: SignedAnnouncement;
} {
  const { key, ledger, nowMs, payee = payeeSigner, verifierKey = key, fields = {} } = given;
  const providerId = hashHybridKey(crypto, key.publicKey);
  const announcement: Announcement = {
    ...{ providerId, payee: payee.address, endpoint: 'provider:1', certHash: crypto.sha256(key.publicKey) },
    ...{ verifier: undefined, models: [TEST_OFFER], segments: [], sequence: 1n },
    ...{ issuedAtMs: nowMs, expiresAtMs: nowMs + LIFETIME_MS },
    ...fields,
  };
  const payeeWord = signProviderPayee(crypto, payee, { validUntilMs: WORD_UNTIL_MS, ledger, providerId });
  const verifierEndorsement =
    fields.verifier && signTestEndorsement(verifierKey, providerId, [...announcement.models, ...announcement.segments]);
  return { announcement, signed: signAnnouncement(key, announcement, { payeeWord, verifierEndorsement }) };
}
