import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Attester, AttesterError } from './attester.ts';

/** The file system calls that the attester uses: those of the kernel, or of a stand-in. */
export interface ReportFiles {
  mkdir(path: string): Promise<unknown>;
  read(path: string): Promise<Uint8Array>;
  write(path: string, bytes: Uint8Array): Promise<void>;
  rmdir(path: string): Promise<void>;
}

const KERNEL: ReportFiles = {
  mkdir: (path) => mkdir(path),
  read: async (path) => new Uint8Array(await readFile(path)),
  write: (path, bytes) => writeFile(path, bytes),
  rmdir: (path) => rmdir(path),
};

const TRIES = 3;

/**
 * Linux' reports of trusted machines (configfs-tsm). An entry is a folder that the kernel fills. Its `generation` grows by one for each
 * write, so another program's request in between is noticed.
 * @param endorsements of Intel the collateral; of AMD `chain`, a list of PEM: VCEK, ASK, ARK.
 */
export function createConfigfsAttester({
  folder,
  endorsements,
  files = KERNEL,
}: {
  readonly folder: string;
  readonly endorsements: () => unknown;
  readonly files?: ReportFiles;
}): Attester {
  let next = 0;

  async function readReport(entry: string, reportData: Uint8Array) {
    const text = async (name: string) => new TextDecoder().decode(await files.read(join(entry, name))).trim();
    for (let tries = 0; tries < TRIES; tries++) {
      const before = Number(await text('generation'));
      await files.write(join(entry, 'inblob'), reportData);
      const [report, provider] = [await files.read(join(entry, 'outblob')), await text('provider')];
      if (Number(await text('generation')) === before + 1) return { report, provider };
    }
    throw new AttesterError('disturbed', `somebody else writes to ${entry}`);
  }

  return {
    kind: 'configfs-tsm',
    async attest(reportData) {
      const entry = join(folder, `ogong-${process.pid}-${next++}`);
      try {
        await files.mkdir(entry);
      } catch (cause) {
        throw new AttesterError('unreachable', `the kernel makes no report in ${folder}`, { cause });
      }
      try {
        const { report, provider } = await readReport(entry, reportData);
        const given = endorsements();
        if (provider === 'tdx_guest') return { cpu: { kind: 'intel', quote: report, collateral: given } };
        if (provider === 'sev_guest') return { cpu: { kind: 'amd-snp', report, chain: readChain(given) } };
        throw new AttesterError('malformed', `reports of ${provider.slice(0, 32)} are not known`);
      } finally {
        await files.rmdir(entry).catch(() => undefined);
      }
    },
  };
}

function readChain(value: unknown): string[] {
  const chain = (value as { readonly chain?: unknown } | undefined)?.chain;
  if (!Array.isArray(chain) || !chain.every((one) => typeof one === 'string'))
    throw new AttesterError('malformed', "the endorsements hold no chain of the chip's certificates");
  return chain as string[];
}
