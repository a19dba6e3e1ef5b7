import type { EvidencePolicy } from './evidence.ts';
import { EvidenceError } from './evidence-error.ts';
import { readJsonFields } from './json-fields.ts';

/** Demands of production, without the values of the moment. */
export const STRICT_POLICY = {
  acceptedTcb: ['UpToDate'],
  softwareKeys: [],
} as const satisfies Partial<EvidencePolicy>;

/** Demands of an operator or a reader on every machine; keys and nonce belong to the moment. */
export interface MachinePolicy extends Omit<EvidencePolicy, 'reportData' | 'gpuNonce' | 'seenMs'> {
  /** Checks of the machine that the reader does without where they are skipped. */
  readonly allow: readonly string[];
  /** Each machine has to show a GPU that answered the same question. Default: no GPU is asked for. */
  readonly gpu?: boolean;
  /** `maker/name` whose list of images is believed, by its hash on the chain: no image is taken without it. */
  readonly imageList?: string;
  /** Of tier `tee-proxy`: SHA-256 of the roots that may vouch for a hosted API, hex. */
  readonly authorities?: readonly string[];
  /** Of the same: origins that may be asked for models of a maker. */
  readonly upstreams?: Readonly<Record<string, readonly string[]>>;
}

const NO_TCB = { bootLoader: 0, tee: 0, snp: 0, microcode: 0 };
const FIELDS = [
  'acceptedTcb',
  'images',
  'boots',
  'minimumSnpTcb',
  'softwareKeys',
  'allow',
  'authorities',
  'gpu',
  'imageList',
  'nrasKeys',
  'upstreams',
];
const LIST_NAME = /^[a-z0-9][a-z0-9._-]{0,63}\/[a-z0-9][a-z0-9._-]{0,63}$/;
const MAX_ENTRIES = 1_024;

/** A policy as JSON (docs/spec/tee-tier.md#policy). An empty one names no image and no attester in software, and so believes no machine. @throws EvidenceError */
export function parsePolicy(bytes: Uint8Array): MachinePolicy {
  const fields = readJsonFields(bytes, 'a policy', FIELDS);
  const { acceptedTcb, images, boots, minimumSnpTcb, softwareKeys, allow, authorities, gpu, nrasKeys, upstreams } =
    fields;
  const { imageList } = fields;
  if (imageList !== undefined && (typeof imageList !== 'string' || !LIST_NAME.test(imageList)))
    throw new EvidenceError('imageList is a name in the registry: maker/name');
  if (imageList !== undefined && images !== undefined)
    throw new EvidenceError('a policy has images of its own, or those of an imageList');
  if (gpu !== undefined && typeof gpu !== 'boolean') throw new EvidenceError('gpu is true or false');
  return {
    acceptedTcb: acceptedTcb === undefined ? STRICT_POLICY.acceptedTcb : readTexts(acceptedTcb, 'acceptedTcb'),
    ...(imageList === undefined ? {} : { imageList, images: [] }),
    ...(images === undefined ? {} : { images: readTexts(images, 'images').map(plainHex) }),
    ...(boots === undefined ? {} : { boots: readTexts(boots, 'boots').map(plainHex) }),
    minimumSnpTcb: minimumSnpTcb === undefined ? NO_TCB : readTcb(minimumSnpTcb),
    softwareKeys: softwareKeys === undefined ? [] : readTexts(softwareKeys, 'softwareKeys').map(plainHex),
    ...(gpu === undefined ? {} : { gpu }),
    ...(nrasKeys === undefined ? {} : { nrasKeys: readKeys(nrasKeys) }),
    ...(upstreams === undefined ? {} : { upstreams: readUpstreams(upstreams) }),
    ...(authorities === undefined ? {} : { authorities: readTexts(authorities, 'authorities').map(plainHex) }),
    allow: allow === undefined ? [] : readTexts(allow, 'allow'),
  };
}

function readTexts(value: unknown, what: string): string[] {
  const isList = Array.isArray(value) && value.length <= MAX_ENTRIES && value.every((one) => typeof one === 'string');
  if (!isList) throw new EvidenceError(`${what} is no list of at most ${MAX_ENTRIES} texts`);
  return value as string[];
}

function readUpstreams(value: unknown): Readonly<Record<string, readonly string[]>> {
  const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  if (entries.length === 0 || entries.length > MAX_ENTRIES)
    throw new EvidenceError('upstreams are lists of origins by the makers of models');
  return Object.fromEntries(
    entries.map(([maker, origins]) => {
      const list = readTexts(origins, `upstreams.${maker.slice(0, 64)}`);
      const isGood = list.every(
        (each) => each.startsWith('https://') && URL.canParse(each) && new URL(each).origin === each,
      );
      if (!isGood) throw new EvidenceError(`upstreams.${maker.slice(0, 64)}: origins of https are expected`);
      return [maker, list];
    }),
  );
}

function readKeys(value: unknown): Readonly<Record<string, string>> {
  const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  const isGood = entries.length > 0 && entries.length <= MAX_ENTRIES;
  if (!isGood || !entries.every(([, key]) => typeof key === 'string' && /^(?:0x)?[0-9a-f]{192}$/i.test(key)))
    throw new EvidenceError('nrasKeys are keys of P-384 by their names, x || y in hex');
  return Object.fromEntries(entries.map(([name, key]) => [name, plainHex(key as string)]));
}

const plainHex = (value: string): string => value.replace(/^0x/, '').toLowerCase();

function readTcb(value: unknown): EvidencePolicy['minimumSnpTcb'] {
  const fields = (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  const read = (name: string, least?: number): number => {
    const number = fields[name] ?? least;
    if (typeof number !== 'number' || !Number.isInteger(number) || number < 0 || number > 255)
      throw new EvidenceError(`minimumSnpTcb.${name} is no number from 0 to 255`);
    return number;
  };
  const [bootLoader, tee, snp] = [read('bootLoader'), read('tee'), read('snp')];
  return { fmc: read('fmc', 0), bootLoader, tee, snp, microcode: read('microcode') };
}
