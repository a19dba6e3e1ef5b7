import { type DistanceRow, findDistanceRow, getLargest } from '../text/drift/distance-rows.ts';
import type { DriftTable } from '../text/drift/drift-table.ts';
import { TRAJECTORY_FALLBACK, type TrajectoryLimits } from './adjudicate.ts';
import type { TrajectoryHeader } from './header.ts';
import { PIXEL_BYTES } from './picture-size.ts';
import type { TrajectoryReport } from './report.ts';

/** The measures that a row of a model of pictures has (docs/spec/trajectory.md). */
export interface PictureDrift {
  /** The largest distance of an output. */
  readonly output: number;
  /** The largest distance of a picture's bytes. */
  readonly pixels: number;
  /** The largest guidance of a measured picture, in units of 1/65,536. */
  readonly guidance: number;
  /** Bytes of the largest measured picture. */
  readonly size: number;
}

/** Measures of a row, ascending by name. */
export const PICTURE_MEASURES = [
  'guidance',
  'output',
  'pixels',
  'size',
] as const satisfies readonly (keyof PictureDrift)[];

/** Factors between the largest honest distance and the limits. The sample is small, and its largest value is no bound. */
const DOUBT_FACTOR = 4;
const REJECT_FACTOR = 16;
/** The least limits of an output: f32 rounds to 6e-8, and a step has thousands of operations. */
const LEAST_OUTPUT: TrajectoryLimits['output'] = { doubt: 2e-6, reject: 8e-6 };

interface ComparedClasses {
  readonly header: Pick<TrajectoryHeader, 'numericClass'> & {
    readonly choices: Pick<TrajectoryHeader['choices'], 'width' | 'height' | 'guidanceQ16'>;
  };
  readonly report: Pick<TrajectoryReport, 'numericClass'>;
}

/**
 * Finds the limits for a report in another class: those of the table's row, if it covers such pictures, or else the fallback. The limits
 * of the picture's bytes are never below the fallback, because one byte that is rounded differently is honest.
 */
export function findTrajectoryLimits(
  table: DriftTable | undefined,
  modelRoot: Uint8Array,
  { header, report }: ComparedClasses,
): TrajectoryLimits {
  const key = { modelRoot, providerClass: header.numericClass, verifierClass: report.numericClass };
  const row = table && findDistanceRow(table, key);
  const drift = row && readPictureDrift(row);
  const { width, height, guidanceQ16 } = header.choices;
  const isCovered = drift && guidanceQ16 <= drift.guidance && width * height * PIXEL_BYTES <= drift.size;
  if (row === undefined || drift === undefined || !isCovered) return TRAJECTORY_FALLBACK;
  return {
    source: `measured on ${row.replies} pictures`,
    output: toLimits(drift.output, LEAST_OUTPUT),
    pixels: toLimits(drift.pixels, TRAJECTORY_FALLBACK.pixels),
  };
}

const toLimits = (largest: number, least: TrajectoryLimits['output']): TrajectoryLimits['output'] => ({
  doubt: Math.max(DOUBT_FACTOR * largest, least.doubt),
  reject: Math.max(REJECT_FACTOR * largest, least.reject),
});

/** @returns undefined for a row without all measures of pictures. */
function readPictureDrift(row: DistanceRow): PictureDrift | undefined {
  const [guidance, output, pixels, size] = PICTURE_MEASURES.map((measure) => getLargest(row, measure));
  if (guidance === undefined || output === undefined || pixels === undefined || size === undefined) return undefined;
  return { guidance, output, pixels, size };
}
