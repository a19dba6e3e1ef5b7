import { fromHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { parseSnpReport } from './amd-snp.ts';
import { digest } from './byte-reader.ts';
import { parseChain } from './certificates.ts';
import { type MachineEvidence, readImage } from './evidence.ts';
import { EvidenceError } from './evidence-error.ts';
import { readPlatform } from './intel-collateral.ts';
import { parseQuote, type Quote } from './intel-quote.ts';

/** How the registry names a machine and what it runs (docs/spec/machine-registry.md). 32 bytes each. */
export interface MachineName {
  /** SHA-256 of what the vendor calls this piece of hardware. */
  readonly machine: Uint8Array;
  readonly image: Uint8Array;
  /** SHA-256 of the key of a platform of Intel; zeros otherwise. */
  readonly platformKey: Uint8Array;
  /** Parts of a quote of Intel that the chain checks. */
  readonly quote?: QuoteParts;
}

export interface QuoteParts
  extends Pick<
    Quote,
    'signed' | 'signature' | 'attestationKey' | 'enclaveReport' | 'enclaveSignature' | 'authenticationData'
  > {
  /** x || y, 64 bytes. */
  readonly platformKey: Uint8Array;
}

const IMAGE_BYTES = 32;
const POINT_BYTES = 65;
const TAG = 'ogong-machine-v1\n';

/**
 * The name of the hardware that evidence is of. Says nothing about whether the evidence is good.
 * @throws EvidenceError where it cannot be read, or names no image.
 */
export async function nameMachine(evidence: MachineEvidence): Promise<MachineName> {
  const image = await readImage(evidence);
  if (image === undefined) throw new EvidenceError('nothing says which image runs');
  const own = await nameHardware(evidence.cpu);
  return { ...own, image: await shorten(fromHex(image)) };
}

/** An image name of more than 32 bytes is replaced by its hash. */
const shorten = async (image: Uint8Array): Promise<Uint8Array> =>
  image.length === IMAGE_BYTES ? image : digest('SHA-256', image);

const nameBy = (kind: string, id: Uint8Array): Promise<Uint8Array> =>
  digest('SHA-256', utf8Encode(`${TAG}${kind}\n`), id);

async function nameHardware(cpu: MachineEvidence['cpu']): Promise<Omit<MachineName, 'image'>> {
  const platformKey = new Uint8Array(32);
  if (cpu.kind === 'software') return { machine: await nameBy('software', cpu.publicKey), platformKey };
  if (cpu.kind === 'amd-snp') {
    const { chipId } = parseSnpReport(cpu.report);
    return { machine: await nameBy('amd', chipId), platformKey };
  }
  const quote = parseQuote(cpu.quote);
  const [leaf] = parseChain(quote.certificates, 'the quote');
  if (leaf === undefined) throw new EvidenceError('the quote has no certificate of its platform');
  // An uncompressed point is the last thing in the structure that holds it.
  const key = new Uint8Array(leaf.publicKey.rawData).slice(-POINT_BYTES);
  if (key[0] !== 4) throw new EvidenceError("the platform's key is no point of P-256");
  const point = key.slice(1);
  return {
    machine: await nameBy('intel', fromHex(readPlatform(leaf).ppid)),
    platformKey: await digest('SHA-256', point),
    quote: { ...pickParts(quote), platformKey: point },
  };
}

const pickParts = ({
  signed,
  signature,
  attestationKey,
  enclaveReport,
  enclaveSignature,
  authenticationData,
}: Quote): Omit<QuoteParts, 'platformKey'> => ({
  ...{ signed, signature, attestationKey, enclaveReport, enclaveSignature, authenticationData },
});
