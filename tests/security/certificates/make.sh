#!/usr/bin/env bash
# Makes the certificates of the TLS tests anew, valid for a hundred years. They protect nothing: their keys are public.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
curve=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
authority() {
  openssl req -x509 "${curve[@]}" -days 36500 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" 2>/dev/null
}
sign() {
  openssl req "${curve[@]}" -subj "/CN=$1" -keyout "$1.key" -out request.csr 2>/dev/null
  openssl x509 -req -in request.csr -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 36500 -out "$1.pem" \
    -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost") 2>/dev/null
}
authority ca
authority stranger
sign server ca
sign node ca
sign foreign stranger
rm -f request.csr ./*.srl ca.key stranger.key
