// Loaded by load-manifest.ts alone.
import type { Deployment } from '@ogong/chain/deployment';
import { parseSignedManifest, type SignedManifest, verifySignedManifest } from '@ogong/hub/signed-manifest';
import { equalBytes, fromHex, ProtocolError, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { type Check, check, fail, pass, skip } from '@ogong/protocol/base/checks';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { HubCard } from '../data/hub-card.ts';
import { type ChainFacts, readRegistryFacts, toRegistry } from '../data/registry-facts.ts';
import type { ChainReader } from '../data/rpc.ts';

export interface ManifestEvidence {
  readonly card: Pick<HubCard, 'maker' | 'model' | 'owner' | 'readme' | 'manifest'>;
  /** The chain and the model registry on it. */
  readonly registry: LedgerDomain;
  /** Undefined if the page does not read the chain. */
  readonly chain: ChainFacts | undefined;
}

/** Checks a card against the chain, or against the gateway's statement without one. @throws if the chain cannot be read. */
export async function checkManifest(
  card: ManifestEvidence['card'],
  deployment: Deployment,
  reader: ChainReader | undefined,
): Promise<readonly Check[]> {
  const chain = reader && (await readRegistryFacts(reader, deployment, card));
  return checkCard({ card, registry: toRegistry(deployment), chain });
}

/** Checks the manifest and the README of a card, as far as the page can read the chain. */
export function checkCard({ card, registry, chain }: ManifestEvidence): readonly Check[] {
  const { manifest, maker, model, owner, readme } = card;
  if (manifest === undefined) return [];
  let signed: SignedManifest;
  try {
    signed = parseSignedManifest(crypto, manifest.signed);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return [fail('manifest', `the gateway sent no manifest: ${error.message}`)];
  }
  const told = owner === undefined ? undefined : fromHex(owner.replace(/^0x/, ''));
  const facts = chain ?? { registry, owner: told };
  return [
    checkName(signed, { maker, model }),
    chain === undefined
      ? skip('owner', `the gateway says that ${owner ?? 'nobody'} owns the name ${maker}; the chain is not read`)
      : pass('owner', `the chain names the owner of ${maker}`),
    checkHash(signed, chain),
    ...verifySignedManifest(crypto, signed, facts).checks.map((one) => (chain === undefined ? tellOwner(one) : one)),
    ...(readme === undefined ? [] : [checkReadme(signed, readme)]),
  ];
}

const checkName = ({ manifest }: SignedManifest, { maker, model }: { maker: string; model: string }): Check =>
  check('manifest', manifest.maker === maker && manifest.model === model, [
    `it is about ${maker}/${model}`,
    `it is about ${manifest.maker}/${manifest.model}`,
  ]);

/** Without the chain the signature proves only that the account signed which the gateway names. */
const tellOwner = (one: Check): Check =>
  one.id === 'signature' && one.status === 'pass'
    ? pass('signature', 'the account that the gateway names as the owner signed it')
    : one;

function checkHash({ manifest, manifestHash }: SignedManifest, chain: ChainFacts | undefined): Check {
  if (chain === undefined) return skip('manifest-hash', 'the chain is not read');
  const named = chain.manifestHashes.get(toHex(manifest.modelRoot));
  return check('manifest-hash', named !== undefined && equalBytes(named, manifestHash), [
    'the registry names the hash of these bytes',
    'the registry names another manifest for this version',
  ]);
}

function checkReadme({ manifest }: SignedManifest, readme: string): Check {
  const hash = crypto.sha256(utf8Encode(readme));
  return check(
    'readme',
    manifest.files.some(({ sha256 }) => equalBytes(sha256, hash)),
    ['the text is a file of the manifest', 'the text is no file of the manifest'],
  );
}
