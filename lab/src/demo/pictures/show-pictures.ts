import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openLinks } from '../mesh-router.ts';
import { describeChecks, type Screen } from '../print.ts';
import { describeMade, describeSeen } from './picture-claims.ts';
import { startPicturesNetwork } from './pictures-network.ts';
import type { FailedRequest, PictureReply, PicturesRecord, SeenReply } from './pictures-record.ts';
import { runPictures } from './run-pictures.ts';

/** Runs a small network of its own for pictures, prints its replies, and stops it. */
export async function showPictures(demoDirectory: string, screen: Screen): Promise<PicturesRecord> {
  screen.title('Pictures: a network of two models, three providers and one validator');
  const directory = join(demoDirectory, 'pictures');
  mkdirSync(directory, { recursive: true });
  const { mesh, models } = await startPicturesNetwork(directory, screen.progress);
  try {
    const links = await openLinks();
    try {
      const record = await runPictures({ mesh, models, links, onProgress: screen.progress });
      for (const reply of [record.made, record.cheated, record.seen]) screen.lines(describeMedia(reply));
      return record;
    } finally {
      links.close();
    }
  } finally {
    await mesh.stop();
  }
}

function describeMedia(reply: PictureReply | SeenReply | FailedRequest): string {
  if ('error' in reply) return `refused: ${reply.error}`;
  const { checks, end } = reply;
  return [
    'file' in reply ? describeMade(reply) : describeSeen(reply),
    `      ${describeChecks(checks)}`,
    `      ${end === undefined ? 'not settled' : `${end.verdict} by ${end.verifiers.join(' and ')}: ${describeChecks(end.audit)}`}`,
  ].join('\n');
}
