import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

export interface Bundle {
  readonly code: Uint8Array;
  readonly sizeBytes: number;
  readonly gzipBytes: number;
  readonly brotliBytes: number;
}

/** The SDK as one module for browsers. */
export const buildBundle = (): Promise<Bundle> => bundle(fileURLToPath(new URL('../src/index.ts', import.meta.url)));

/** A module and all that it imports, as one module for browsers. */
export async function bundle(entry: string): Promise<Bundle> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    write: false,
    logLevel: 'warning',
  });
  const code = outputFiles[0]?.contents ?? new Uint8Array();
  return {
    code,
    sizeBytes: code.length,
    gzipBytes: gzipSync(code, { level: 9 }).length,
    brotliBytes: brotliCompressSync(code).length,
  };
}

if (import.meta.main) {
  const path = fileURLToPath(new URL('../dist/ogong.js', import.meta.url));
  const bundle = await buildBundle();
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bundle.code);
  const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;
  console.log(`${path}: ${kib(bundle.sizeBytes)}, gzip ${kib(bundle.gzipBytes)}, brotli ${kib(bundle.brotliBytes)}`);
}
