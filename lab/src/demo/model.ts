import { statSync } from 'node:fs';
import { nameModel } from '@ogong/devnet/mesh/model-name';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import type { DownloadProgress } from '@ogong/models/download';
import { readHubAccess } from '@ogong/models/hub';
import type { ResolvedModel } from '@ogong/models/resolve';
import { parseModelSource } from '@ogong/models/source';
import { labModelsDir } from '../lab-models.ts';

export interface DemoModels {
  readonly id: string;
  readonly sold: ResolvedModel;
  /** The same model in a cheaper quantisation, which the cheat decodes with. */
  readonly cheap: ResolvedModel | undefined;
}

/** From expensive to cheap. The cheat takes the first available one below the sold quantisation. */
const cheaper = ['q4_0', 'q4_k_m', 'q3_k_m', 'q2_k'];

/** Fetches the sold model, and a cheaper one if the cheat needs it. */
export async function prepareModels(
  reference: string,
  { needsCheap, onProgress }: { readonly needsCheap: boolean; readonly onProgress: (message: string) => void },
): Promise<DemoModels> {
  const storeDir = labModelsDir();
  const hub = readHubAccess(process.env);
  const report = createReporter(onProgress);
  const sold = await resolveModel(reference, { storeDir, hub, onProgress: report });
  onProgress(`the network sells ${sold.name} (${formatSize(statSync(sold.path).size)})`);
  const cheap = needsCheap
    ? await findCheaper(reference, (quant) => resolveModel(reference, { storeDir, hub, quant, onProgress: report }))
    : undefined;
  if (cheap) onProgress(`the cheat decodes with ${cheap.name} (${formatSize(statSync(cheap.path).size)})`);
  return { id: nameModel(reference), sold, cheap };
}

async function findCheaper(
  reference: string,
  resolve: (quant: string) => Promise<ResolvedModel>,
): Promise<ResolvedModel> {
  const source = parseModelSource(reference);
  if (source.kind !== 'builtin' && source.kind !== 'hub') {
    throw new TypeError(
      `${reference} comes in one quantisation only, so there is none to cheat with: add --cheat none, withhold or tamper`,
    );
  }
  let last: unknown;
  for (const quant of cheaper.filter((name) => name !== source.quant)) {
    try {
      return await resolve(quant);
    } catch (error) {
      last = error;
    }
  }
  throw new TypeError(
    `${reference} has no cheaper quantisation (${cheaper.join(', ')}): add --cheat none, withhold or tamper`,
    { cause: last },
  );
}

/** At most one line per tenth of a file. */
function createReporter(onProgress: (message: string) => void) {
  let last = '';
  return ({ file, receivedBytes, totalBytes }: DownloadProgress): void => {
    const tenth = totalBytes ? Math.floor((10 * receivedBytes) / totalBytes) : 0;
    const line = `fetching ${file}: ${tenth * 10} % of ${totalBytes ? formatSize(totalBytes) : 'unknown size'}`;
    if (line !== last) onProgress(line);
    last = line;
  };
}

const formatSize = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
