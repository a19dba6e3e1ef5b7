import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTrajectoryEngine } from '@ogong/engine/onnx/trajectory-engine';
import { pathOfPictureModel, TINY_PICTURE_MODELS } from '@ogong/testing/models/picture-folder';
import { writeRandomUnet } from '@ogong/testing/models/random-unet';
import type { Row } from '../row.ts';
import { measureBlobMemory } from './blob-memory.ts';
import { measureGeneration } from './generation.ts';
import { measureLargeReplay } from './large-replay.ts';
import { measureStage1 } from './stage-1.ts';

/** Channels of the first level: an eighth of the original's. */
const CHANNELS = 40;

interface PictureBench {
  /** Part of the ids of its rows. */
  readonly id: string;
  readonly name: string;
  readonly modelPath: string;
  readonly steps: number;
  readonly rounds: number;
}

/** Costs of pictures: commitment, audit, stage 1, and the memory of their blobs. */
export async function measurePictures(onProgress: (what: string) => void): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-bench-pictures-'));
  try {
    const tiny = TINY_PICTURE_MODELS.map(
      (name): PictureBench => ({ id: name, name, modelPath: pathOfPictureModel(name), steps: 20, rounds: 15 }),
    );
    const large: PictureBench = {
      id: 'random-unet',
      name: `a random UNet of the form of SD 1.5 with an eighth of its channels, 512x512`,
      ...{ modelPath: writeRandomUnet(CHANNELS, directory), steps: 5, rounds: 3 },
    };
    const rows: Row[] = [];
    for (const { modelPath, ...bench } of [...tiny, large]) {
      onProgress(bench.id);
      const engine = await openTrajectoryEngine({ modelPath, engineDir: join(homedir(), '.ogong', 'engine') });
      try {
        rows.push(...(await measureGeneration(engine, bench)));
      } finally {
        await engine.close();
      }
    }
    onProgress('stage 1');
    rows.push(...(await measureStage1()));
    rows.push(...(await measureLargeReplay()));
    onProgress('memory');
    rows.push(...(await measureBlobMemory(directory)));
    return rows;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
