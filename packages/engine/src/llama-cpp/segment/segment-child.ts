import { serveParent } from '../../process/child-loop.ts';
import type { SegmentCall } from '../../process/segment-messages.ts';
import { createSerialHost } from '../../process/serial-host.ts';
import { assertUnchanged } from '../verified-model.ts';
import type { LlamaSegmentContract } from './segment-engine.ts';
import { openLlamaSegment } from './segment-model.ts';
import { proveSegment } from './segment-probe.ts';

// The child process of a segment: llama.cpp, whose assertions may abort it at any time.
serveParent<LlamaSegmentContract>(async ({ modelPath, files, options, maxQueue }, send) => {
  assertUnchanged(files);
  const opened = openLlamaSegment(modelPath, options);
  assertUnchanged(files);
  const segment = await proveSegment(opened.segment);
  const run = (call: SegmentCall) =>
    call.kind === 'run' ? segment.run(call.pass) : segment.drop(call.sequence, call.position);
  return { info: segment.info(), host: createSerialHost({ run, noun: 'pass', maxQueue, send }) };
});
