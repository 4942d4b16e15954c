/**
 * What the carrier would show to the operator: its error codes, as its dictionary lists them.
 */
export const CARRIER_ERRORS = {
  11200: "HTTP retrieval failure",
  12100: "Document parse failure",
  12200: "Schema validation warning",
  12300: "Invalid content type",
  31901: "Stream - WebSocket - connection timeout",
  31902: "Stream - WebSocket - connection refused",
  31910: "Stream - WebSocket - TLS error",
  31920: "Stream - WebSocket - handshake error",
  31921: "Stream - WebSocket - close error",
  31924: "Stream - WebSocket - protocol error",
  31941: "Stream - Invalid Track configuration",
  31950: "Stream - Malformed message received",
} as const;

export type CarrierErrorCode = keyof typeof CARRIER_ERRORS;

export class CarrierError extends Error {
  readonly code: CarrierErrorCode;

  constructor(code: CarrierErrorCode, message: string) {
    super(message);
    this.name = "CarrierError";
    this.code = code;
  }
}
