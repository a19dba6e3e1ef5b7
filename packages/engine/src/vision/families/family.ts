import type { RgbPicture } from '../../interface/vision.ts';
import type { OnnxTensor } from '../../onnx/runtime/sessions.ts';
import type { FolderFields } from '../folder-fields.ts';

/** One run of the encoder's network. */
export interface EncoderRun {
  /** By the names of inputs. A network takes those that it has. */
  readonly feeds: Readonly<Record<string, OnnxTensor>>;
  /** Rows that the run returns. */
  readonly rows: number;
}

/** A picture as the network reads it. */
export interface PreparedPicture {
  /** In the order of the rows; computed one by one, so that memory holds one. */
  readonly runs: Iterable<EncoderRun>;
  /** See `EncodedPicture`. */
  readonly pieces: readonly (string | number)[];
  readonly grids?: readonly (readonly [height: number, width: number])[];
}

/** The preparation of pictures for one model. */
export interface PictureReader {
  /** Text of the control token that stands for a picture in a chat template. */
  readonly mark: string;
  readonly mostRows: number;
  /** @throws EngineError `invalid-request` for a picture that the model cannot read. */
  prepare(picture: RgbPicture): PreparedPicture;
}

/** One kind of model: the processor of transformers that prepares its pictures, and the inputs of its network. */
export interface VisionFamily {
  /** Values of `model_type` in `config.json`. */
  readonly modelTypes: readonly string[];
  /** @throws EngineError('unsupported-model') with the file and the field. */
  open(config: FolderFields, preprocessor: FolderFields): PictureReader;
}

/** The most rows of a picture: prompts, prices and memory are bounded by it. */
export const MOST_ROWS = 2_048;
/** The longest side of a network's input, in pixels. */
export const MOST_INPUT_SIDE = 4_096;

/** The name of the pixels in every export. */
export const PIXELS = 'pixel_values';
