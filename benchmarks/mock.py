"""A small http server that answers every POST with the JSON its path is known for; as little work as Python allows."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import httptools
import uvloop

ANSWERS = {
    b"/Account/get_account_info": (
        b'{"account_info":{"i_account":277147,"id":"15550100042@msisdn","bill_status":"O","blocked":"N","billing_model":1,'
        b'"i_customer":2500,"i_product":60,"product_name":"Mobile residential","time_zone_name":"Pacific/Palau","phone1":"",'
        b'"assigned_addons":[{"name":"Unlimited daily","i_product":86,"i_vd_plan":48,"addon_priority":30,'
        b'"addon_effective_from":"2025-05-15 09:34:58"}],"service_features":[{"name":"netaccess_policy",'
        b'"effective_flag_value":"Y","attributes":[{"name":"access_policy","effective_values":["30"]}]}]}}'
    ),
    b"/SIMCard/get_card_info": (
        b'{"card_info":{"i_sim_card":3701,"i_account":277147,"iccid":"8901410321111851000","imsi":"001010000000017",'
        b'"msisdn":"15550100042","status":"used"}}'
    ),
    b"/prov": b'{"result":true}',
}


class Mock(asyncio.Protocol):
    """One connection; `delay_s` before each answer."""

    delay_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.parser = httptools.HttpRequestParser(self)
        self.path = b""

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.path = url

    def on_message_complete(self) -> None:
        body = ANSWERS.get(self.path, b"{}")
        reply = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        if self.delay_s:
            asyncio.get_running_loop().call_later(self.delay_s, self.transport.write, reply)
        else:
            self.transport.write(reply)


async def serve(port: int, delay_s: float) -> None:
    Mock.delay_s = delay_s
    server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0))
