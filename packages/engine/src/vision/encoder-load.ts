import type { EncodedPicture, PictureEncoderInfo, RgbPicture } from '../interface/vision.ts';
import type { OnnxFolderLoad } from '../onnx/plan-folder.ts';

export interface EncodeCall {
  readonly kind: 'encode';
  readonly picture: RgbPicture;
}

/** Messages between the child process of an encoder and its parent. */
export interface EncoderContract {
  readonly load: OnnxFolderLoad;
  readonly info: PictureEncoderInfo;
  readonly call: EncodeCall;
  readonly results: { readonly encode: EncodedPicture };
}
