/**
 * Every error code, with what it means to an operator. A code is `ROOM_PROBLEM`; the documented table is this one.
 */
export const ERROR_CODES = {
  AUDIO_BAD_WAV: "The WAV file is malformed or of an unsupported encoding",
  VAD_WORKER_LOST: "The voice activity worker died and the retry failed as well",
  VAD_OVERLOADED: "A stream has more audio waiting for voice activity than its maximum",
  VAD_CLOSED: "The stream of voice activity, or the whole detector, was closed",
  ASR_WORKER_LOST: "A recognition worker died and the retry failed as well",
  ASR_TIMEOUT: "A recognition did not finish before its deadline",
  ASR_OVERLOADED: "The recognition queue is full",
  ASR_CLOSED: "The recogniser was closed",
  MODEL_MISSING: "A model file does not exist",
  MODEL_ALTERED: "A model file does not have the sha256 of its manifest, or lacks required metadata",
  CONFIG_INVALID: "The configuration is not usable; every fault is listed",
  REQUEST_BAD_SIGNATURE: "The carrier signature of a request is missing or wrong",
  REQUEST_MALFORMED: "A request body could not be parsed or lacks required fields",
  REQUEST_TOO_LARGE: "A request body or message exceeds its limit",
  REQUEST_UNSUPPORTED_TYPE: "A request has a content type that is not accepted",
  CALL_UNKNOWN_NUMBER: "A call came in on a number that no entry of the configuration covers",
  CALL_OVERLOADED: "A call was not transcribed because the machine is full",
  STREAM_BAD_MESSAGE: "A media message is malformed",
  STREAM_BAD_TOKEN: "The stream token is missing, unknown, expired, already used or of another call",
  STREAM_UNSUPPORTED_MEDIA: "The stream announces a media format other than mu-law 8000 Hz mono",
  STREAM_UNEXPECTED: "A media message came in the wrong state, for example media before start",
  STREAM_START_TIMEOUT: "A media socket sent no start message in time",
  STREAM_IDLE: "A media socket sent nothing for too long",
  STORE_FAILED: "The store could not be opened, read or written",
  STORE_FULL: "The store has no space left",
  DELIVERY_FAILED: "A callback attempt failed",
  DELIVERY_GAVE_UP: "An event was parked as a dead letter",
  REPLAY_REFUSED: "The server did not answer a replayed call as a carrier expects",
  CARRIER_API_FAILED: "A request to the REST API of the carrier failed",
  SERVER_DRAINING: "The server is shutting down and takes no new calls",
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;
