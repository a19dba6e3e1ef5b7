import type { RecordV2 } from '@ogong/protocol/commitment/record';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { TrajectoryHeader } from '@ogong/protocol/modality/trajectory/header';
import type { StepLeaves } from '@ogong/protocol/modality/trajectory/leaf';
import { computeValuesRoot } from '@ogong/protocol/modality/trajectory/links';
import { HIDDEN_SCHEDULER } from '@ogong/protocol/modality/trajectory/schedule/hidden-schedule';
import { createSyntheticPicture, type SyntheticPicture } from './synthetic-picture.ts';

export interface HiddenPictureOptions {
  readonly crypto: Crypto;
  /** Default: vanilla. */
  readonly tier?: string;
  /** Changes on the way, before they are committed. */
  readonly bend?: {
    readonly header?: (header: TrajectoryHeader) => TrajectoryHeader;
    readonly leaves?: (leaves: StepLeaves) => StepLeaves;
    readonly record?: (record: RecordV2) => RecordV2;
  };
}

/** A picture of a server that shows no steps: 5 of them are billed, over 16x16 pixels. */
export function createHiddenPicture({
  crypto,
  tier = 'vanilla',
  bend = {},
}: HiddenPictureOptions): Pick<SyntheticPicture, 'header' | 'opening' | 'record' | 'response'> {
  const blinds = { prompt: new Uint8Array(32).fill(0xb1), answer: new Uint8Array(32).fill(0xb2) };
  const keep = <T>(value: T): T => value;
  const { header: bendHeader = keep, leaves: bendLeaves = keep, record: bendRecord = keep } = bend;
  const { header, opening, record, response } = createSyntheticPicture({
    ...{ crypto, tier, blinds, numericClass: 'upstream/openai/unknown/signed/unknown/unknown' },
    bend: {
      header: (shown) =>
        bendHeader({
          ...shown,
          choices: { ...shown.choices, guidanceQ16: 0, sampler: HIDDEN_SCHEDULER.sampler },
          embeddingSize: 1,
          facts: { latentChannels: 1, latentScale: 1, scheduler: HIDDEN_SCHEDULER },
        }),
      leaves: () => bendLeaves({ steps: [], finalRoot: computeValuesRoot(crypto, blinds.answer, new Float32Array(1)) }),
    },
  });
  return { header, opening, record: bendRecord({ ...record, tokenCount: 0 }), response };
}
