#!/bin/sh
# Makes what nginx needs, then becomes nginx: the password file, a certificate unless there is one, the configuration.
set -eu
umask 077
folder=$(mktemp -d /tmp/proxy.XXXXXX)
certificate=/certificates/fullchain.pem
key=/certificates/privkey.pem

for user in reader operator; do
  case $user in
    reader) password=$PINTEREST_PROXY_READER_PASSWORD ;;
    operator) password=$PINTEREST_PROXY_OPERATOR_PASSWORD ;;
  esac
  echo "$user:$(printf %s "$password" | openssl passwd -5 -stdin)"
done >"$folder/passwords"

if [ ! -e "$certificate" ]; then
  echo "making a certificate for $PINTEREST_PROXY_NAME, signed by itself"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 825 -subj "/CN=$PINTEREST_PROXY_NAME" \
    -addext "subjectAltName=DNS:$PINTEREST_PROXY_NAME,DNS:localhost,IP:127.0.0.1" \
    -keyout "$key.part" -out "$certificate.part" 2>/dev/null
  mv "$key.part" "$key"
  mv "$certificate.part" "$certificate"
fi

export folder
# Only the names of settings: nginx has variables of its own.
envsubst "$(env | sed -n 's/^\(PINTEREST_[A-Z_]*\)=.*/${\1}/p' | grep -v PASSWORD) \${folder}" \
  </opt/proxy/nginx.conf >"$folder/nginx.conf"
unset PINTEREST_PROXY_READER_PASSWORD PINTEREST_PROXY_OPERATOR_PASSWORD
exec nginx -e stderr -c "$folder/nginx.conf" -g 'daemon off;'
