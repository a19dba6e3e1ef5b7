import { EngineError } from '../interface/engine-error.ts';
import { loadLlama } from './library.ts';
import { findLlamaBuild } from './platform.ts';
import { isQuantName, quantizeModel } from './quantize.ts';

// A process of its own: llama.cpp aborts where it finds a file it does not like.
const [source = '', target = '', quant = ''] = process.argv.slice(2);
if (!isQuantName(quant)) throw new EngineError('invalid-request', `unknown quantisation ${quant}`);
quantizeModel(loadLlama(findLlamaBuild(), 'auto'), source, target, quant);
