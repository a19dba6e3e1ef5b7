// Pulls one file of a manifest from a place into a store. Prints its duration in ms, and the peak of its resident memory, KiB.
import { openFolderStore } from '@ogong/hub/store/folder-store';
import { createHttpSource } from '@ogong/hub/transfer/block-source';
import { pullFiles } from '@ogong/hub/transfer/pull';
import { urlsOfPlace } from '@ogong/hub/transfer/pull-blob';
import { fromHex } from '@ogong/protocol/base/bytes';

const [directory = '', place = '', sizeText = '', sha256 = '', blockRoot = ''] = process.argv.slice(2);
const file = {
  ...({ path: 'tensors.safetensors', format: 'safetensors', isWeight: true, sizeBytes: Number(sizeText) } as const),
  ...{ sha256: fromHex(sha256), blockRoot: fromHex(blockRoot) },
};
const source = createHttpSource({ name: place, ...urlsOfPlace(place) });
const startMs = performance.now();
await pullFiles([file], { sources: [source], store: openFolderStore(directory) });
const ms = performance.now() - startMs;
console.log(JSON.stringify({ ms, peakKib: process.resourceUsage().maxRSS }));
