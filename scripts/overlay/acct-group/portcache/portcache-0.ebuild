# Copyright 2026 The portcache authors
# Distributed under the terms of the GNU General Public License v3 or later

EAPI=8

inherit acct-group

DESCRIPTION="Group of the portcache service"
ACCT_GROUP_ID=-1
