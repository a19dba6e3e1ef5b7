import { ProtocolError } from '../base/bytes.ts';
import {
  type Codec,
  createFormat,
  type Format,
  hash,
  list,
  refine,
  safeInteger,
  struct,
  u8,
  u16,
  within,
} from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';

/** The most slabs of one manifest. */
export const MAX_SLABS = 128;
const MAX_LAYERS = 65_535;

/** One slab: the file of the layers from the slab before it up to but not with `to`. */
export interface Slab {
  readonly to: number;
  readonly sizeBytes: number;
  /** SHA-256 of the file, 32 bytes. */
  readonly sha256: Uint8Array;
}

/**
 * Names the files that a model is cut into. Anyone with the whole model computes them again, so a wrong manifest is exact evidence. Spec:
 * docs/spec/slabs.md.
 */
export interface SlabManifest {
  /** Root of the whole model, 32 bytes. */
  readonly modelRoot: Uint8Array;
  /** Version of the rules by which the model was cut. */
  readonly cutter: number;
  /** Layers of the model. */
  readonly layers: number;
  /** In the order of the layers; the last one ends the model. */
  readonly slabs: readonly Slab[];
}

const slabCodec: Codec<Slab> = struct({
  to: within(u16, 1, MAX_LAYERS),
  sizeBytes: within(safeInteger, 1, Number.MAX_SAFE_INTEGER),
  sha256: hash,
});

const manifestCodec: Codec<SlabManifest> = refine(
  struct({
    modelRoot: hash,
    cutter: within(u16, 1, 65_535),
    layers: within(u16, 2, MAX_LAYERS),
    slabs: list(slabCodec, { count: u8, min: 2, max: MAX_SLABS, ascending: (a, b) => a.to - b.to }),
  }),
  ({ layers, slabs }) => {
    const end = slabs.at(-1)?.to;
    if (end !== layers) throw new ProtocolError('malformed', `the slabs end at layer ${end} of ${layers}`);
  },
);

/** "ogong-slabs-v1\n" || modelRoot[32] || u16 cutter || u16 layers || u8 n || n * (u16 to || u64 sizeBytes || sha256[32]). */
export const slabManifestFormat: Format<SlabManifest> = createFormat(manifestCodec, { tag: 'ogong-slabs-v1' });

/** The hash by which others name a manifest: SHA-256 of its encoding, 32 bytes. @throws ProtocolError */
export const hashSlabManifest = ({ sha256 }: Pick<Crypto, 'sha256'>, manifest: SlabManifest): Uint8Array =>
  sha256(slabManifestFormat.encode(manifest));

/** Layers at which slabs begin, besides layer 0. */
export const listEdges = ({ slabs }: Pick<SlabManifest, 'slabs'>): readonly number[] =>
  slabs.slice(0, -1).map(({ to }) => to);
